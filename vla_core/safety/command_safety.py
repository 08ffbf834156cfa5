"""What the command core needs of a robot's safety description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vla_core.safety.description import HandSpeedMode

if TYPE_CHECKING:
    from vla_core.robot.model import RobotModel
    from vla_core.safety.collision import CollisionModel


@dataclass(frozen=True, eq=False)
class CommandSafety:
    """Distances, hand speeds, tracking errors and heartbeat that a command is held to.

    Attributes:
        collision: distances of the robot's pairs and speeds of its hands.
        hand_speed: largest speed of a hand [m/s].
        tracking_slow, tracking_stop: `(dof,)` position errors at which the command slows down, and
            stops [rad].
        estop_heartbeat_s: longest time between two messages of the emergency stop [s]; 0: none are
            expected.
    """

    collision: CollisionModel
    hand_speed: Mapping[HandSpeedMode, float]
    tracking_slow: np.ndarray
    tracking_stop: np.ndarray
    estop_heartbeat_s: float = 0.0

    @classmethod
    def of(cls, robot: RobotModel, arms_margin_m: float = 0.0) -> CommandSafety | None:
        """A robot's; None for a robot whose YAML names no safety description.

        Args:
            arms_margin_m: added to the margins between its arms [m].

        Raises:
            RobotDescriptionError: the description contradicts itself or the robot.
        """
        from vla_core.safety.collision import CollisionModel
        from vla_core.safety.load_description import load_safety

        safety = load_safety(robot.description)
        if safety is None:
            return None
        safety = safety.with_wider_arms(arms_margin_m)
        tracking = [safety.tracking[joint.group] for joint in robot.description.joints]
        return cls(
            CollisionModel(robot, safety),
            safety.hand_speed,
            np.array([limit.slow for limit in tracking]),
            np.array([limit.stop for limit in tracking]),
            safety.estop_heartbeat_s,
        )
