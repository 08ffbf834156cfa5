"""LingBot-VA's intent as people see it: the video that is foreseen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.intent_view import ForeseenFeatures, ShownIntent
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.errors import IntentError
from vla_core.inference.arrays import fetched
from vla_core.inference.networks import open_networks
from vla_core.policies.lingbot_va.intent import CURRENT, ERRORS, FORECAST
from vla_core.policies.lingbot_va.networks import PICTURE
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.types import LatentIntent


class LingBotView:
    """Decoded forecast, its last latent frame beside the present, and how the last one came true.

    Args:
        folder, manifest: of the policy.
        placement: where the decoder runs.

    Raises:
        PolicyError: sizes, weights or a placement that cannot be.
    """

    def __init__(self, folder: Path, manifest: PolicyManifest, placement: Placement) -> None:
        self._sizes = sizes_of(LingBotSizes, folder, manifest)
        self._cameras = tuple(camera.name for camera in manifest.observation.cameras)

        def load() -> tuple:
            from vla_core.policies.lingbot_va.weights import example_inputs, load_lingbot

            model = load_lingbot(folder, manifest)
            return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

        self._decoder = open_networks(folder, placement, (PICTURE,), load)[PICTURE]

    def show(self, intent: LatentIntent) -> ShownIntent:
        """Pictures and features of all cameras; errors of the forecast before, once it came."""
        sizes = self._sizes
        shape = sizes.frame_tokens, sizes.token_numbers
        forecast = tensor_of(intent, FORECAST, (sizes.chunk_frames, *shape))
        current = tensor_of(intent, CURRENT, shape)
        latents = self._decoder.put(forecast[None])
        decoded = np.rint(fetched(self._decoder.run(latents=latents))[0]).astype(np.uint8)
        features = ForeseenFeatures(
            self._each(forecast[-1]), self._each(current), self._cameras
        )
        pictures = {name: decoded[:, k] for k, name in enumerate(self._cameras)}
        return ShownIntent(features, pictures, numbers=_errors(intent))

    def _each(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens of views side by side, view after view."""
        rows, _ = self._sizes.grid
        views = tokens.reshape(rows, len(self._cameras), rows, -1)
        return np.ascontiguousarray(views.swapaxes(0, 1)).reshape(tokens.shape)


def _errors(intent: LatentIntent) -> dict[str, float]:
    errors = intent.tensors.get(ERRORS)
    if errors is None or errors.shape != (2,) or errors.dtype.kind != "f":
        raise IntentError(f"intent {intent.sequence}: tensor {ERRORS!r} is not two floats")
    names = ("forecast error", "error of no change")
    return {name: float(e) for name, e in zip(names, errors, strict=True) if e >= 0.0}
