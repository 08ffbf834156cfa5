"""DIAL's intent as people see it: where the features of the scene are to change (figure 12)."""

from __future__ import annotations

from vla_core.contract.intent_view import ForeseenFeatures, ShownIntent
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import IntentError
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.types import LatentIntent


class DialView:
    """Foresight and present in the features of the policy's own encoder; needs no weights."""

    def __init__(self, manifest: PolicyManifest) -> None:
        self._cameras = tuple(camera.name for camera in manifest.observation.cameras)
        self._foresees = manifest.lookahead_s > 0.0

    def show(self, intent: LatentIntent) -> ShownIntent:
        """The features that it foresees, beside those that it saw; nothing where it does not."""
        if not self._foresees:
            return ShownIntent()
        predicted, current = (
            tensor_of(intent, name, (None, None)) for name in ("foresight", "current")
        )
        cameras = self._cameras
        side = round((len(predicted) / len(cameras)) ** 0.5)
        if predicted.shape != current.shape or len(cameras) * side * side != len(predicted):
            raise IntentError(
                f"intent {intent.sequence}: foresight has shape {predicted.shape}, current features "
                f"{current.shape}; expected the same, {len(cameras)} square grids of patches"
            )
        return ShownIntent(ForeseenFeatures(predicted, current, cameras))
