"""CLaD's intent as people see it: scene and robot as they are foreseen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.intent_view import ForeseenFeatures, ShownIntent
from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.clad.ghost import Ghost
from vla_core.policies.clad.intent import CURRENT, FEATURES, JOINTS, PROJECTIONS, SEMANTIC
from vla_core.policies.clad.moments import Moments
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.robot.model import RobotModel
from vla_core.types import LatentIntent

#: Joints that are named: those that are foreseen to move most.
_NAMED = 5


class CladView:
    """Decoded foresights beside the present, and the nearest recorded pictures; needs no weights.

    What a policy does not foresee, or does not decode, it does not show. The robot is drawn where
    the policy is told its cameras' geometry.

    Args:
        folder: of the policy; of recorded moments it may have none.

    Raises:
        PolicyError: its recorded moments are not readable.
    """

    def __init__(self, folder: Path, manifest: PolicyManifest) -> None:
        sizes, specs = manifest.model, manifest.observation.cameras
        self._cameras = tuple(camera.name for camera in specs)
        self._joints = manifest.joint_names
        self._semantic = sizes["semantic_tokens"], sizes["width"]
        self._foresees = manifest.lookahead_s > 0.0
        self._decodes = self._foresees and sizes["reconstructs"]
        self._places = len(self._cameras) * sizes["grid"] ** 2
        self._moments = Moments.load(folder)
        placed = self._decodes and all(camera.geometry for camera in specs)
        self._ghost = Ghost(RobotModel.load(manifest.robot)) if placed else None

    def show(self, intent: LatentIntent) -> ShownIntent:
        """Features foreseen and seen, nearest pictures, the robot as lines over what was seen.

        And how far the joints that move most are to go [rad].
        """
        if not self._foresees:
            return ShownIntent()
        semantic = tensor_of(intent, SEMANTIC, self._semantic)
        pictures = self._pictures(semantic)
        if not self._decodes:
            return ShownIntent(pictures=pictures)
        predicted, current = (
            tensor_of(intent, name, (self._places, None)) for name in (FEATURES, CURRENT)
        )
        now, foreseen = tensor_of(intent, JOINTS, (2, len(self._joints)))
        moves = foreseen - now
        most = np.argsort(-np.abs(moves))[:_NAMED]
        return ShownIntent(
            ForeseenFeatures(predicted, current, self._cameras),
            pictures,
            self._outlines(intent, foreseen),
            numbers={self._joints[k]: float(moves[k]) for k in most},
        )

    def _pictures(self, semantic: np.ndarray) -> dict[str, np.ndarray]:
        if self._moments is None:
            return {}
        place = self._moments.nearest(semantic)
        return {name: views[place][None] for name, views in self._moments.pictures.items()}

    def _outlines(self, intent: LatentIntent, foreseen: np.ndarray) -> dict[str, np.ndarray]:
        if self._ghost is None:
            return {}
        projections = tensor_of(intent, PROJECTIONS, (len(self._cameras), 3, 4))
        return {
            name: self._ghost.lines(foreseen, projection)
            for name, projection in zip(self._cameras, projections, strict=True)
        }
