"""DIAL's networks."""

from __future__ import annotations

#: Each with its inputs in order, but for `velocity`'s; the ONNX files have these names.
NETWORKS = {
    "vit": ("images",),
    "system2": ("features", "words"),
    "fusion": ("current", "intent"),
    "forward_model": ("current", "state", "prefix", "frozen"),
}
