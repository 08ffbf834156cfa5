"""The package's ONNX file as weights of `Dinov2`.

An exporter keeps the names of vectors and of the convolution; matrices get numbers, so they are
found by the nodes that multiply with them. The decoder, which draws the saliency map, is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import GraphProto, numpy_helper
from safetensors.torch import save_file
from torch import Tensor

from vla_core.errors import ConfigError
from vla_core.policies.backbones.dinov2 import LAYERS, LEARNED_GRID, WIDTH

_BACKBONE = "backbone."
_ATTENTION = "attention.attention."
_Arrays = dict[str, np.ndarray]


def fit(folder: Path) -> None:
    """Write `model.safetensors` beside `source.onnx`."""
    weights = weights_of(onnx.load(str(folder / "source.onnx")).graph)
    save_file(weights, folder / "model.safetensors")


def weights_of(graph: GraphProto) -> dict[str, Tensor]:
    """State of a `Dinov2` with the learned grid.

    Raises:
        ConfigError: the file holds no such encoder.
    """
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = _named(graph, arrays)
    position = _only(arrays, (1, 1, WIDTH)), _only(arrays, (1, LEARNED_GRID**2, WIDTH))
    state = {
        "class_token": found["embeddings.cls_token"],
        "position": np.concatenate(position, axis=1),
    }
    for kind in ("weight", "bias"):
        state[f"stem.{kind}"] = found[f"embeddings.patch_embeddings.projection.{kind}"]
        state[f"norm.{kind}"] = found[f"layernorm.{kind}"]
    for layer in range(LAYERS):
        theirs = f"encoder.layer.{layer}."
        part = {k.removeprefix(theirs): v for k, v in found.items() if k.startswith(theirs)}
        state |= {f"blocks.{layer}.{name}": array for name, array in _block(part).items()}
    return {name: torch.from_numpy(np.array(array, order="C")) for name, array in state.items()}


def _block(part: _Arrays) -> _Arrays:
    """A layer as a `SelfAttentionBlock`; what LayerScale multiplies with goes into the matrices."""
    state = {}
    for kind in ("weight", "bias"):
        both = [part[f"{_ATTENTION}{name}.{kind}"] for name in ("key", "value")]
        state |= {
            f"norm1.{kind}": part[f"norm1.{kind}"],
            f"norm2.{kind}": part[f"norm2.{kind}"],
            f"attention.query.{kind}": part[f"{_ATTENTION}query.{kind}"],
            f"attention.key_value.{kind}": np.concatenate(both),
            f"attention.out.{kind}": part[f"attention.output.dense.{kind}"],
            f"mlp.0.{kind}": part[f"mlp.fc1.{kind}"],
            f"mlp.2.{kind}": part[f"mlp.fc2.{kind}"],
        }
    for name, scale in (("attention.out", "layer_scale1"), ("mlp.2", "layer_scale2")):
        factor = part[f"{scale}.lambda1"]
        state[f"{name}.weight"] = factor[:, None] * state[f"{name}.weight"]
        state[f"{name}.bias"] = factor * state[f"{name}.bias"]
    return state


def _named(graph: GraphProto, arrays: _Arrays) -> _Arrays:
    """The encoder's arrays by the names that they had before the export."""
    found = {k.removeprefix(_BACKBONE): v for k, v in arrays.items() if k.startswith(_BACKBONE)}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays and "/backbone/" in node.name:
            module = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            found[f"{module.removeprefix(_BACKBONE)}.weight"] = arrays[node.input[1]].T
    return found


def _only(arrays: _Arrays, shape: tuple[int, ...]) -> np.ndarray:
    """The one constant without a name of that shape."""
    fitting = [a for name, a in arrays.items() if name.startswith("onnx::") and a.shape == shape]
    if len(fitting) != 1:
        raise ConfigError(
            "source.onnx", f"has {len(fitting)} constants of shape {shape}, expected one"
        )
    return fitting[0]
