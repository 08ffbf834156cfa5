"""A finished training run of F1 as a policy's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.specification import ObservationSpec
from vla_core.policies.f1.weights import example_inputs
from vla_core.policies.visuomotor.language import card_clause
from vla_core.policies.visuomotor.trained import Trained
from vla_core.policies.visuomotor.weights import save_weights
from vla_core.training.ship import CardWords, write_folder

_METRICS = """\
On held-out episodes. `token_loss` is eq. 1's, over all scales; `picture_accuracy` the share of the
foreseen tokens that came true, `picture_copy` that of "nothing changes"; `action_rad` the mean
absolute error of a sampled chunk, `prefix_rad` that of the steps after the longest prefix that it
is given; `accuracy_TAU` the share of actions whose joints that move are less than TAU [rad] off
(eq. 5), `correlation_TAU` its correlation with `picture_accuracy` over the windows. `psnr_db` is
the tokeniser's, of all scales, `psnr_predicted_db` of those that are foreseen, `used` the share of
its codes that occur; `position_mm` and `recall` are the encoder's, on held-out scenes; `state` and
`ahead` are its squared errors of the robot's state seen in the picture, and of where it will be
told to be, where 1 is guessing the mean and standing still."""
_SIMULATED = "Trained in simulation alone. Do not expect it to work on a real robot."
_RECORDED = "Trained and measured on a recording alone: it has never moved a robot."
_LABELLED = " The encoder was pretrained with the simulator's truth about where objects are."


def ship(folder: Path, trained: Trained, prefix_steps: int = 0) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        prefix_steps: longest prefix that it has been trained to continue [steps].
    """
    config, network, step_s = trained.config, trained.network, 1.0 / trained.rate_hz
    sizes = network.sizes
    save_weights(network, folder, lambda stored: example_inputs(stored, prefix_steps > 0))
    manifest = trained.manifest(systems=Systems.JOINT, prefix_steps=prefix_steps)
    past = "; it foresees nothing"
    if sizes.foresees:
        history_s = tuple(steps * step_s for steps in sizes.past_steps)
        manifest = replace(
            manifest,
            observation=ObservationSpec(manifest.observation.cameras, history_s=history_s),
            lookahead_s=sizes.foresight_steps * step_s,
        )
        ages = ", ".join(f"{age_s:g}" for age_s in history_s)
        past = f"; the first camera's picture {ages} s before" if history_s else ""
        past += f";\nforesees that picture {manifest.lookahead_s:g} s ahead"
    speeds = f" and {sizes.velocities} velocities" if sizes.velocities else ""
    words = CardWords(
        parameters=trained.parameters,
        metrics=_METRICS,
        sees=f"state of {sizes.state} numbers{speeds}{past};\n"
        f"{card_clause(sizes.language, sizes.vocabulary)};",
        limits=(_RECORDED if config.dataset else _SIMULATED) + (_LABELLED if config.scenes else ""),
    )
    write_folder(folder, manifest, words)
    return manifest
