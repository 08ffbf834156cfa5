"""A finished training run of a chunk policy as its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.policies.chunk.config import ChunkConfig
from vla_core.policies.chunk.model import ChunkModel
from vla_core.policies.chunk.weights import example_inputs
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.weights import fingerprint, save_weights
from vla_core.robot.model import RobotModel
from vla_core.training.ship import CardWords, square_views, write_folder

_METRICS = """\
On held-out episodes. `action_rad` is the mean absolute error of a chunk, `prefix_rad` that of the
steps after the longest prefix that it is given; `position_mm` and `recall` are the encoder's, on
held-out scenes; `state` and `ahead` are its squared errors of the robot's state seen in the
picture, and of where it will be told to be, where 1 is guessing the mean and standing still."""
_SIMULATED = """\
A baseline, trained in simulation alone; it has no foresight. Do not expect it to work on a real
robot."""
_RECORDED = """\
A baseline, trained and measured on a recording alone: it has never moved a robot, and has no
foresight."""
_LABELLED = " The encoder was pretrained with the simulator's truth about where objects are."


def ship(
    folder: Path,
    config: ChunkConfig,
    robot: RobotModel,
    model: ChunkModel,
    normalisation: Normalisation,
    rate_hz: float,
    provenance: Mapping[str, Any],
    prefix_steps: int = 0,
) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        rate_hz: of the frames that it was trained on; a chunk's targets are as far apart.
        provenance: data, time, seeds and `metrics` by stage, for the model card.
        prefix_steps: longest prefix that it has been trained to continue [steps].
    """
    sizes = model.sizes
    save_weights(model, folder, lambda stored: example_inputs(stored, prefix_steps > 0))
    manifest = PolicyManifest(
        name=config.name,
        kind=config.kind,
        robot=config.robot,
        joint_names=robot.joint_names,
        observation=square_views(config),
        step_s=1.0 / rate_hz,
        horizon=sizes.horizon,
        systems=Systems.JOINT,
        fingerprint=fingerprint(model),
        model=asdict(sizes),
        normalisation=normalisation.as_lists(),
        provenance=dict(provenance),
        prefix_steps=prefix_steps,
    )
    speeds = f" and {sizes.velocities} velocities" if sizes.velocities else ""
    seen = "" if sizes.sees else "blind: it looks at no picture; "
    words = CardWords(
        parameters=sum(p.numel() for p in model.parameters()),
        metrics=_METRICS,
        sees=f"{seen}state of {sizes.state} numbers{speeds};\nwords: {', '.join(sizes.vocabulary)};",
        limits=(_RECORDED if config.dataset else _SIMULATED) + (_LABELLED if config.scenes else ""),
    )
    write_folder(folder, manifest, words)
    return manifest
