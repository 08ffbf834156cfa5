"""DIAL's networks; imports no torch."""

from __future__ import annotations

from vla_core.policies.dial.foresight import Foresight


def inputs_of(foresight: Foresight, forward_model: bool) -> dict[str, tuple[str, ...]]:
    """Each network with its inputs in order, but for `velocity`'s; the ONNX files have these names.

    Args:
        foresight: how it reaches System 1.
        forward_model: whether there is one.
    """
    networks = {"vit": ("images",), "system2": ("features", "words")}
    if foresight is Foresight.MISMATCHED:
        networks["system2_vit"] = ("images",)
    if foresight.is_bottleneck:
        networks["fusion"] = ("current", "intent")
    else:
        networks["fusion"] = ("intent", "current") if foresight.system1_sees else ("intent",)
        if foresight.foresees:
            networks["foresight_head"] = ("tokens", "features")
    if forward_model:
        networks["forward_model"] = ("current", "state", "prefix", "frozen")
    return networks


def of_system2(foresight: Foresight) -> tuple[str, ...]:
    """Networks of the slow half."""
    return tuple(name for name in inputs_of(foresight, forward_model=False) if name != "fusion")


def of_system1(foresight: Foresight, forward_model: bool) -> tuple[str, ...]:
    """Networks of the fast half."""
    seeing = ("vit",) if foresight.system1_sees else ()
    foretelling = ("forward_model",) if forward_model else ()
    return (*seeing, "fusion", "velocity", *foretelling)
