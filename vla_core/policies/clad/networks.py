"""CLaD's networks: which of them each half has, and what they take; imports no torch."""

from __future__ import annotations

from vla_core.policies.clad.sizes import CladSizes

#: Each with its inputs in order, but for `denoiser`'s; the ONNX files have these names.
INPUTS = {
    "vit": ("images",),
    "dynamics": ("past", "current", "words", "states", "actions", "shown"),
    "state_decoder": ("foresight",),
    "feature_decoder": ("foresight",),
    "conditioning": ("current", "words", "state", "foresight"),
}


def of_system2(sizes: CladSizes) -> tuple[str, ...]:
    """Networks of the slow half; the encoder alone where nothing is foreseen."""
    if not sizes.foresees:
        return ("vit",)
    decoders = ("state_decoder", "feature_decoder") if sizes.reconstructs else ()
    return ("vit", "dynamics", *decoders)


def of_system1() -> tuple[str, ...]:
    """Networks of the fast half."""
    return ("vit", "conditioning", "denoiser")
