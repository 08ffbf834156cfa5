"""OpenHelix's networks beside the language model's; imports no torch."""

from __future__ import annotations

#: Each with its inputs in order; the ONNX files have these names.
INPUTS = {
    "vit": ("images",),
    "prompt": ("features",),
    "projector": ("latent",),
    "scene": ("features", "hands", "places", "shown", "goal"),
    "denoiser": ("actions", "time", "context", "places", "shown", "goal", "hands"),
}
#: More of a denoiser that has been trained to continue a prefix.
PREFIX_INPUTS = ("prefix", "frozen")
#: Of the slow half and of the fast one.
OF_SYSTEM2, OF_SYSTEM1 = ("vit", "prompt"), ("vit", "projector", "scene", "denoiser")
