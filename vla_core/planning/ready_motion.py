"""The way to the ready pose, as an action chunk that goes through the safety filter."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from vla_core.planning.path_planner import PathPlanner
from vla_core.planning.retiming import retime
from vla_core.safety.collision import CollisionModel
from vla_core.safety.description import HandSpeedMode
from vla_core.types import ActionChunk

#: Time between two targets [s].
STEP_S = 0.05


class ReadyMotion:
    """Plans and times ways to a robot's ready pose.

    Args:
        collision: of the robot.
        planner: finds the paths.
    """

    def __init__(self, collision: CollisionModel, planner: PathPlanner) -> None:
        self._collision, self._planner = collision, planner
        self._sequence = 0

    def plan(self, position: np.ndarray, clock: Callable[[], int]) -> ActionChunk:
        """The way from where the robot stands.

        Args:
            position: `(dof,)`, at rest.
            clock: tells when the first target is due: when planning is done [ns].

        Raises:
            PlanningError: no clear path was found.
        """
        began_s = time.perf_counter()
        robot = self._collision.robot
        path = self._planner.plan(position, robot.ready_pose)
        hand_speed = self._collision.safety.hand_speed[HandSpeedMode.READY]
        targets = retime(path, self._collision, hand_speed, STEP_S)
        self._sequence += 1
        now_ns = clock()
        return ActionChunk(
            sequence=self._sequence,
            observation_stamp_ns=now_ns,
            observation_sequence=0,
            intent_sequence=0,
            intent_stamp_ns=now_ns,
            step_s=STEP_S,
            joint_names=robot.joint_names,
            targets=targets,
            compute_s=time.perf_counter() - began_s,
        )
