"""DIAL's networks as they lie on disk."""

from __future__ import annotations

WEIGHTS = "weights.safetensors"
#: Networks, each with its inputs in order; the ONNX files have these names.
NETWORKS = {
    "vit": ("images",),
    "system2": ("features", "words"),
    "fusion": ("current", "intent"),
    "velocity": ("actions", "time", "context", "state"),
    "forward_model": ("current", "state", "prefix", "frozen"),
}
#: More inputs of `velocity`, in policies that have been trained to continue a prefix.
PREFIX_INPUTS = ("prefix", "frozen")
