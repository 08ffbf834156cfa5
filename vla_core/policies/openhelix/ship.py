"""A finished training run of OpenHelix as a policy's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ObservationSpec
from vla_core.policies.openhelix.hands import ACTION
from vla_core.policies.openhelix.weights import example_inputs
from vla_core.policies.visuomotor.trained import Trained
from vla_core.policies.visuomotor.weights import save_weights
from vla_core.training.ship import CardWords, write_folder

_METRICS = """\
On held-out episodes: `position_mm`, distance of a sampled chunk's hand positions from those shown,
beside `still_mm`, that of hands that stay; `rotation`, mean absolute error of the numbers of their
rotations; `grip`, share of grips told right. `position_mm` and `recall` of the encoder are of
objects on held-out scenes; `state` and `ahead` are its squared errors where it learned from
joints."""
_LIMITS = "Trained in simulation alone. Do not expect it to work on a real robot."


def ship(folder: Path, trained: Trained, prefix_steps: int = 0) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        prefix_steps: longest prefix that it has been trained to continue [steps].
    """
    sizes = trained.network.sizes
    save_weights(trained.network, folder, lambda stored: example_inputs(stored, prefix_steps > 0))
    manifest = trained.manifest(action=ACTION, prefix_steps=prefix_steps)
    cameras = tuple(
        replace(camera, depth=True, geometry=True) for camera in manifest.observation.cameras
    )
    manifest = replace(manifest, observation=ObservationSpec(cameras))
    words = CardWords(
        parameters=trained.parameters,
        metrics=_METRICS,
        sees=f"with depth and geometry; where {sizes.hands} hands are and how far closed;\n"
        "instructions in free text, as the language model understands them;",
        limits=_LIMITS,
    )
    write_folder(folder, manifest, words)
    return manifest
