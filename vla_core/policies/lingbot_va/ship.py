"""A finished training run of LingBot-VA as a policy's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.specification import ObservationSpec
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.weights import example_inputs
from vla_core.policies.visuomotor.language import card_clause
from vla_core.policies.visuomotor.trained import Trained
from vla_core.policies.visuomotor.weights import save_weights
from vla_core.training.ship import CardWords, write_folder

_METRICS = """\
On held-out episodes. `psnr_db` is the autoencoder's; `video` the root mean square error of the
frames that are foreseen, in standard deviations of a latent, `video_still` that of "nothing
changes"; `action_rad` the mean absolute error of the joints in a sampled chunk, `prefix_rad` that
of the steps after the longest prefix that it is given."""
_SIMULATED = "Trained in simulation alone. Do not expect it to work on a real robot."
_RECORDED = "Trained and measured on a recording alone: it has never moved a robot."


def ship(folder: Path, trained: Trained, prefix_steps: int = 0) -> PolicyManifest:
    """Write a policy's folder.

    Args:
        prefix_steps: longest prefix that it has been trained to continue [steps].
    """
    config, network, step_s = trained.config, trained.network, 1.0 / trained.rate_hz
    sizes = network.sizes
    save_weights(network, folder, lambda stored: example_inputs(stored, prefix_steps > 0))
    manifest = trained.manifest(systems=Systems.JOINT, prefix_steps=prefix_steps)
    manifest = replace(manifest, **timing(manifest, sizes, config.learns_forward))
    remembered_s = sizes.window * sizes.unit_steps * step_s
    words = CardWords(
        parameters=trained.parameters,
        metrics=_METRICS,
        sees=f"what was executed; remembers {sizes.window} frames, {remembered_s:g} s;\n"
        f"foresees what the cameras see {manifest.lookahead_s:g} s ahead;\n"
        f"{card_clause(sizes.language, sizes.vocabulary)};",
        limits=_RECORDED if config.dataset else _SIMULATED,
    )
    write_folder(folder, manifest, words)
    return manifest


def timing(manifest: PolicyManifest, sizes: LingBotSizes, imagines: bool) -> dict[str, Any]:
    """Entries of a manifest that follow from how the policy is run.

    Args:
        imagines: it has a forward model.
    """
    step_s = manifest.step_s
    history_s = tuple(k * sizes.frame_steps * step_s for k in range(sizes.moments, 0, -1))
    executed = (sizes.history + 1) * sizes.unit_steps
    return {
        "observation": ObservationSpec(manifest.observation.cameras, history_s, executed),
        "horizon": sizes.horizon,
        "lookahead_s": sizes.horizon * step_s,
        "forward_steps": sizes.horizon if imagines else 0,
    }
