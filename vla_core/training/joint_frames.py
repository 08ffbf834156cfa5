"""What the joints of an episode do in each frame, as a policy is told it."""

from __future__ import annotations

import numpy as np

from vla_core.robot.model import RobotModel
from vla_core.types import VELOCITY_OVER_S


def state_vectors(robot: RobotModel, positions: np.ndarray) -> np.ndarray:
    """`(frames, dof)` to `(frames, state)` float32."""
    return np.stack([robot.state_vector(q) for q in positions]).astype(np.float32)


def mean_velocities(positions: np.ndarray, rate_hz: float) -> np.ndarray:
    """`(frames, dof)`, means over `VELOCITY_OVER_S` or over what there is, as the camera node's."""
    frames = np.arange(len(positions))
    before = np.maximum(frames - max(1, round(VELOCITY_OVER_S * rate_hz)), 0)
    span_s = np.maximum(frames - before, 1)[:, None] / rate_hz
    return ((positions - positions[before]) / span_s).astype(np.float32)
