"""A finished training run of a chunk policy as its folder."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.policies.chunk.weights import example_inputs
from vla_core.policies.visuomotor.language import card_clause
from vla_core.policies.visuomotor.trained import Trained
from vla_core.policies.visuomotor.weights import save_weights
from vla_core.training.ship import CardWords, write_folder

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


def ship(folder: Path, trained: Trained, prefix_steps: int = 0) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        prefix_steps: longest prefix that it has been trained to continue [steps].
    """
    config, network, sizes = trained.config, trained.network, trained.network.sizes
    save_weights(network, folder, lambda stored: example_inputs(stored, prefix_steps > 0))
    manifest = trained.manifest(systems=Systems.JOINT, prefix_steps=prefix_steps)
    speeds = f" and {sizes.velocities} velocities" if sizes.velocities else ""
    seen = "" if sizes.sees else "blind: it looks at no picture; "
    words = CardWords(
        parameters=trained.parameters,
        metrics=_METRICS,
        sees=f"{seen}state of {sizes.state} numbers{speeds};\n"
        f"{card_clause(sizes.language, sizes.vocabulary)};",
        limits=(_RECORDED if config.dataset else _SIMULATED) + (_LABELLED if config.scenes else ""),
    )
    write_folder(folder, manifest, words)
    return manifest
