"""A finished training run of DIAL as a policy's folder."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.dial.language import instructions_clause
from vla_core.policies.dial.weights import save_dial
from vla_core.policies.visuomotor.trained import Trained
from vla_core.training.ship import CardWords, write_folder

_METRICS = """\
On held-out episodes. `foresight` is the mean squared error of eq. 2, `copy` that of "nothing
changes" beside it; `action_rad` is the mean absolute error of a sampled chunk, `prefix_rad` that
of the steps after the longest prefix that it is given; `forward` is the squared error of the
forward model's features, `copy` that of "nothing changes" again; `position_mm` and
`recall` are the encoder's, on held-out scenes; `state` and `ahead` are its squared errors of the
robot's state seen in the picture, and of where it will be told to be, where 1 is guessing the mean
and standing still."""
_SIMULATED = """\
Trained in simulation alone. The encoder was pretrained with the simulator's truth about where
objects are. The demonstrations grasp by simulated contact of simple shapes. Do not expect it to work
on a real robot."""
_RECORDED = """\
Trained and measured on a recording alone: it has never moved a robot. Its encoder learned to see
the robot's joints and where they go; nothing told it what the objects are."""


def ship(
    folder: Path, trained: Trained, prefix_steps: int = 0, forward_steps: int = 0
) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        prefix_steps, forward_steps: longest prefix that System 1 has been trained to continue, and
            its forward model on [steps].
    """
    sizes = trained.network.sizes
    if sizes.vlm:
        trained.network.system2.merge()
    save_dial(trained.network, folder, prefix=prefix_steps > 0)
    foresees = sizes.coupling.foresees
    manifest = trained.manifest(
        lookahead_s=sizes.horizon / trained.rate_hz if foresees else 0.0,
        prefix_steps=prefix_steps,
        forward_steps=forward_steps,
    )
    speeds = f" and {sizes.velocities} velocities" if sizes.velocities else ""
    foresight = f"foresight {manifest.lookahead_s} s ahead" if foresees else "no foresight"
    if sizes.coupling is not Foresight.BOTTLENECK:
        foresight += f" ({sizes.foresight})"
    words = CardWords(
        parameters=trained.parameters,
        metrics=_METRICS,
        sees=f"state of {sizes.state} numbers{speeds}; {foresight};\n"
        f"{instructions_clause(sizes)};",
        limits=_RECORDED if trained.config.dataset else _SIMULATED,
    )
    write_folder(folder, manifest, words)
    return manifest
