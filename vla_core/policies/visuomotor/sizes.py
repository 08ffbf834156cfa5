"""What is known of the networks' sizes in every such policy."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError, PolicyError

from vla_core.policies.backbones.catalogue import DINOV2

#: What the head of a velocity field may give (`VelocityField`).
PREDICTIONS = ("velocity", "action")
#: `model.vision`: a small ViT that is pretrained here. Or the backbone `dinov2`, as it comes.
VIT = "vit"
VISIONS = (VIT, DINOV2.name)


class Sizes(Protocol):
    """A dataclass that `policy.json` holds under `model`.

    Attributes:
        image_size: side of the square camera pictures [pixels].
        cameras: number of views.
        state: numbers in the state vector, and in an action.
        velocities: joint velocities that proprioception holds beside the state; 0: none.
        predicts: what the velocity field's head gives (`VelocityField`).
        horizon: targets in a chunk.
        vocabulary: known words.
        max_words: longest instruction.
        language: how instructions are understood.
        euler_steps: integration steps of the flow.
        noise_scale: of the noise that sampling starts from.
        samples: chunks that are drawn and averaged.
    """

    image_size: int
    cameras: int
    state: int
    velocities: int
    predicts: str
    horizon: int
    vocabulary: tuple[str, ...]
    max_words: int
    language: str
    euler_steps: int
    noise_scale: float
    samples: int


_Sizes = TypeVar("_Sizes")


def sizes_of(kind: type[_Sizes], folder: Path, manifest: PolicyManifest) -> _Sizes:
    """Of a policy's folder the sizes of its networks, a dataclass's.

    Raises:
        PolicyError: its manifest's `model` holds none such.
    """
    try:
        return kind(**manifest.model)
    except (TypeError, ConfigError) as error:
        raise PolicyError(str(folder), f"model: {error}; train or copy it again") from error
