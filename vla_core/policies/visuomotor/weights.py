"""Weights on disk: safetensors and ONNX with half-precision numbers, and the fingerprint."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.visuomotor.sizes import Sizes

WEIGHTS = "weights.safetensors"
#: Of every velocity field, and more of one that has been trained to continue a prefix.
VELOCITY_INPUTS, PREFIX_INPUTS = ("actions", "time", "context", "state"), ("prefix", "frozen")

_Module = TypeVar("_Module", bound=nn.Module)


def fingerprint(module: nn.Module) -> str:
    """Of the feature space: the encoder's weights as they are stored, and what it takes in.

    Networks whose intents are in another space than the encoder's name the modules that decide it
    (`intent_space`). Empty for a policy that sees nothing.
    """
    encoder = module.vit if hasattr(module, "vit") else module.intent_space
    if encoder is None:
        return ""
    sizes = module.sizes
    seen = (sizes.image_size, sizes.cameras, encoder.pixels)
    digest = hashlib.sha256(str(seen).encode())
    space = getattr(module, "intent_space", encoder)
    for name, value in sorted(space.state_dict().items()):
        digest.update(name.encode() + value.cpu().half().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_weights(
    folder: Path, manifest: PolicyManifest, make: Callable[[Mapping], _Module]
) -> _Module:
    """Read networks with their weights, on the CPU.

    Args:
        make: networks of the sizes in the manifest's `model`.

    Raises:
        PolicyError: the file is missing, unreadable, of other sizes, or of another feature space.
    """
    path = folder / WEIGHTS
    try:
        weights = {key: value.float() for key, value in load_file(path).items()}
        module = make(manifest.model)
        module.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, TypeError) as error:
        problem = f"is not readable as this policy's weights ({error})"
        raise PolicyError(str(path), problem) from error
    if (got := fingerprint(module)) != manifest.fingerprint:
        raise PolicyError(
            str(path), f"has feature space {got}, policy.json says {manifest.fingerprint}"
        )
    return module.eval()


def save_weights(
    module: nn.Module,
    folder: Path,
    examples: Callable[[nn.Module], Mapping[str, Mapping[str, Tensor]]],
) -> None:
    """Write `weights.safetensors` and one ONNX file a network, all in half precision.

    The networks compute in single precision with the stored numbers, so both runtimes agree.

    Args:
        module: made of its `sizes` alone.
        examples: of each of its networks the inputs by name, in their shapes and types.
    """
    rounded = save_rounded(module, folder)
    stored = type(module)(module.sizes).eval()
    stored.load_state_dict({key: value.float() for key, value in rounded.items()})
    for name, inputs in examples(stored).items():
        path = folder / f"{name}.onnx"
        with warnings.catch_warnings():  # shapes are constant on purpose: those of the examples
            warnings.simplefilter("ignore")
            torch.onnx.export(
                getattr(stored, name),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=["out"],
                dynamo=False,
                opset_version=17,
            )
        _halve(path)


def save_rounded(module: nn.Module, folder: Path) -> dict[str, Tensor]:
    """Write `weights.safetensors` alone; returns what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    rounded = {key: value.half().contiguous() for key, value in module.state_dict().items()}
    save_file(rounded, folder / WEIGHTS)
    return rounded


def instruction_example(shape: InstructionShape) -> Tensor:
    """An instruction in its shape and type, in a batch of one."""
    if shape.width:
        return torch.zeros(1, shape.tokens, shape.width)
    return torch.zeros(1, shape.tokens, dtype=torch.int64)


def velocity_example(sizes: Sizes, context: Tensor, prefix: bool) -> dict[str, Tensor]:
    """Inputs of a velocity field by name, in their shapes and types.

    Args:
        context: that of one moment.
        prefix: whether it takes one.
    """
    actions = torch.zeros(sizes.samples, sizes.horizon, sizes.state)
    state = torch.zeros(sizes.samples, sizes.state + sizes.velocities)
    inputs = [actions, torch.zeros(sizes.samples), context, state]
    if prefix:
        inputs += [actions, torch.zeros(actions.shape[:2], dtype=torch.bool)]
    names = (*VELOCITY_INPUTS, *PREFIX_INPUTS) if prefix else VELOCITY_INPUTS
    return dict(zip(names, inputs, strict=True))


def _halve(path: Path) -> None:
    """Store large float32 constants as float16 with a cast behind; the runtime folds the cast."""
    model = onnx.load(str(path))
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < 64:
            continue
        name = tensor.name
        halved = numpy_helper.from_array(values.astype("float16"), f"{name}_half")
        tensor.CopyFrom(halved)
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, str(path))
