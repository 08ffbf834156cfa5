"""A finished training run of CLaD as a policy's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ObservationSpec
from vla_core.policies.clad.weights import example_inputs
from vla_core.policies.visuomotor.trained import Trained
from vla_core.policies.visuomotor.weights import save_weights
from vla_core.training.ship import CardWords, write_folder

_METRICS = """\
On held-out episodes. `proprioceptive` and `semantic` are the squared distances of eq. 17 between
foresight and target on the unit sphere, from 0 to 4, `..._copy` those of "nothing changes" beside
them; `reconstruction` is eq. 18's; `action_rad` is the mean absolute error of a sampled chunk,
`prefix_rad` that of the steps after the longest prefix that it is given; `position_mm` and
`recall` are the encoder's, on held-out scenes; `state` and `ahead` are its squared errors of the
robot's state seen in the picture, and of where it will be told to be, where 1 is guessing the mean
and standing still."""
_SIMULATED = "Trained in simulation alone. Do not expect it to work on a real robot."
_RECORDED = "Trained and measured on a recording alone: it has never moved a robot."
_LABELLED = " The encoder was pretrained with the simulator's truth about where objects are."


def ship(folder: Path, trained: Trained, prefix_steps: int = 0) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        prefix_steps: longest prefix that it has been trained to continue [steps].
    """
    config, network = trained.config, trained.network
    sizes = network.sizes
    save_weights(network, folder, lambda stored: example_inputs(stored, prefix_steps > 0))
    ahead_s = sizes.horizon / trained.rate_hz if sizes.foresees else 0.0
    manifest = trained.manifest(lookahead_s=ahead_s, prefix_steps=prefix_steps)
    if sizes.foresees:
        executed = 0 if sizes.action_free else sizes.horizon
        cameras = tuple(
            replace(camera, geometry=config.geometry) for camera in manifest.observation.cameras
        )
        asked = ObservationSpec(cameras, history_s=(ahead_s,), executed_steps=executed)
        manifest = replace(manifest, observation=asked)
    speeds = f" and {sizes.velocities} velocities" if sizes.velocities else ""
    past = f"; the same {ahead_s:g} s before, and what was done since" if sizes.foresees else ""
    known = ", ".join(sizes.vocabulary)
    words = CardWords(
        parameters=trained.parameters,
        metrics=_METRICS,
        sees=f"state of {sizes.state} numbers{speeds}{past};\nwords: {known};",
        limits=(_RECORDED if config.dataset else _SIMULATED) + (_LABELLED if config.scenes else ""),
    )
    write_folder(folder, manifest, words)
    return manifest
