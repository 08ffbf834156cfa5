"""DIAL's files: safetensors and ONNX with half-precision numbers, the manifest, the fingerprint."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import asdict
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.policies.dial.model import Dial, DialSizes
from vla_core.policies.dial.networks import NETWORKS, PREFIX_INPUTS, WEIGHTS


def fingerprint(dial: Dial) -> str:
    """Of the feature space: the ViT's weights as they are stored, and what it takes in."""
    digest = hashlib.sha256(str((dial.sizes.image_size, dial.sizes.cameras, "rgb/127.5-1")).encode())
    for name, value in sorted(dial.vit.state_dict().items()):
        digest.update(name.encode() + value.cpu().half().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_dial(folder: Path, manifest: PolicyManifest) -> Dial:
    """Read the networks with their weights, on the CPU.

    Raises:
        PolicyError: the file is missing, unreadable, of other sizes, or of another feature space.
    """
    path = folder / WEIGHTS
    try:
        weights = {key: value.float() for key, value in load_file(path).items()}
        dial = Dial(DialSizes(**manifest.model))
        dial.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, TypeError) as error:
        raise PolicyError(str(path), f"is not readable as this policy's weights ({error})") from error
    if (got := fingerprint(dial)) != manifest.fingerprint:
        raise PolicyError(
            str(path), f"has feature space {got}, policy.json says {manifest.fingerprint}"
        )
    return dial.eval()


def save_dial(dial: Dial, folder: Path, prefix: bool = False) -> None:
    """Write `weights.safetensors` and one ONNX file a network, all in half precision.

    The networks compute in single precision with the stored numbers, so both runtimes agree.

    Args:
        prefix: whether the policy has been trained to continue a prefix, so that its velocity field
            takes one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rounded = {key: value.half().contiguous() for key, value in dial.state_dict().items()}
    save_file(rounded, folder / WEIGHTS)
    dial = Dial(dial.sizes).eval()
    dial.load_state_dict({key: value.float() for key, value in rounded.items()})
    for name, inputs in example_inputs(dial, prefix).items():
        path = folder / f"{name}.onnx"
        with warnings.catch_warnings():  # shapes are constant on purpose: those of the examples
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            torch.onnx.export(
                getattr(dial, name),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=["out"],
                dynamo=False,
                opset_version=17,
            )
        _halve(path)


def example_inputs(dial: Dial, prefix: bool) -> dict[str, dict[str, torch.Tensor]]:
    """Of each network its inputs by name, in their shapes and types.

    Args:
        prefix: whether the velocity field takes one.
    """
    sizes = dial.sizes
    features = torch.zeros(1, dial.vit.patches, dial.vit.width)
    state = torch.zeros(1, sizes.proprioception)
    actions = torch.zeros(1, sizes.horizon, sizes.state)
    side = sizes.image_size
    examples = {
        "vit": (torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8),),
        "system2": (features, torch.zeros(1, sizes.max_words, dtype=torch.int64)),
        "fusion": (features, features),
        "velocity": (
            actions.repeat(sizes.samples, 1, 1),
            torch.zeros(sizes.samples),
            torch.zeros(1, 2 * dial.vit.patches, sizes.fusion_width),
            state.repeat(sizes.samples, 1),
        ),
    }
    if dial.forward_model is not None:
        frozen = torch.zeros(actions.shape[:2], dtype=torch.bool)
        examples["forward_model"] = (features, state, actions, frozen)
    names = dict(NETWORKS)
    if prefix:
        drawn = examples["velocity"][0]
        examples["velocity"] += (drawn, torch.zeros(drawn.shape[:2], dtype=torch.bool))
        names["velocity"] += PREFIX_INPUTS
    return {
        name: dict(zip(names[name], inputs, strict=True)) for name, inputs in examples.items()
    }


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


def manifest_model(dial: Dial) -> dict:
    """The `model` entry of `policy.json`."""
    return asdict(dial.sizes)
