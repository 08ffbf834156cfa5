"""The paths that the command core follows: the policy's, and the way to the ready pose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.command.command import CommandSettings
from vla_core.command.intake import Intake
from vla_core.command.path_follower import PathFollower
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.look_ahead import LookAhead
from vla_core.types import ControlMode

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel


class Paths:
    """Followers of the two timelines.

    Args:
        intake: has the timelines.
        limits: of the joints.
        settings: period, and whether paths are braked for what lies ahead.
        collision: what may lie ahead; None: nothing.
        horizon_s: how far ahead of the last command a reference is given [s].

    Attributes:
        policy, ready: run through the policy's path, and the way to the ready pose.
    """

    def __init__(
        self,
        intake: Intake,
        limits: JointLimits,
        settings: CommandSettings,
        collision: CollisionModel | None,
        horizon_s: float,
    ) -> None:
        def follower(timeline: ChunkTimeline) -> PathFollower:
            look_ahead = None
            if collision is not None and settings.path_braking:
                look_ahead = LookAhead(
                    collision,
                    limits,
                    2 * settings.reserve_m,
                    settings.barrier_rate_per_s,
                    settings.look_ahead_step_s,
                )
            return PathFollower(timeline, limits, look_ahead, settings.period_s, horizon_s)

        self._intake = intake
        self.policy, self.ready = follower(intake.timeline), follower(intake.ready)

    def followed(self, mode: ControlMode) -> PathFollower | None:
        """The path that a mode follows."""
        if mode is ControlMode.POLICY:
            return self.policy
        if mode is ControlMode.HOLD and self._intake.ready.end_ns is not None:
            return self.ready
        return None

    def leave(self) -> None:
        """No path is followed now; the next one begins at a standstill."""
        self.policy.leave()
        self.ready.leave()
