"""Between the policy and the operator: what the deadman asks for, and where a BLEND leads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vla_core.handover.intervention import Intervention
from vla_core.handover.modes import ModeEvent, Trigger
from vla_core.handover.operator import Operator
from vla_core.handover.operator_follower import Goal, OperatorFollower
from vla_core.handover.settings import HandoverSettings, Takeover
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.stopping import JointMotion
from vla_core.types import NANOSECONDS, ActiveConstraint, ControlMode, TeleopTarget

if TYPE_CHECKING:
    from vla_core.safety.collision import CollisionModel


class ModeChange(NamedTuple):
    """A change of mode that the operator's side triggers, and why."""

    trigger: Trigger
    reason: str


class Followed(NamedTuple):
    """One tick of following the operator.

    Attributes:
        goal: what the motion filter is asked for; None: stop within the limits.
        joined: whether the command has come to the operator's targets.
        distance: of the farthest joint from its target, as the constraint that it is.
    """

    goal: Goal | None
    joined: bool
    distance: ActiveConstraint


class Handover:
    """Where the operator stands between two ticks of the command core.

    Args:
        settings: takeover and return.
        limits: of the robot's joints.
        collision: speeds of its hands; None leaves them out.
        horizon_s: of the joint limiter [s].
        future_tolerance_s: how far stamps may lie ahead of now [s].

    Attributes:
        operator: the newest of the operator's stream.
        toward: the mode that a BLEND leads to.
        intervention: the newest, None before the first.
    """

    def __init__(
        self,
        settings: HandoverSettings,
        limits: JointLimits,
        collision: CollisionModel | None,
        horizon_s: float,
        future_tolerance_s: float,
    ) -> None:
        self._settings = settings
        self.operator = Operator(limits, future_tolerance_s)
        self._follower = OperatorFollower(limits, collision, horizon_s)
        self.toward = self._resume = ControlMode.HOLD
        self._since_ns = 0
        self.intervention: Intervention | None = None
        self._news: list[Intervention] = []

    def operator_moves(self, mode: ControlMode) -> bool:
        """Whether the operator's targets are what is followed, or will be."""
        return mode is ControlMode.TELEOP or (
            mode is ControlMode.BLEND and self.toward is ControlMode.TELEOP
        )

    def take(self, target: TeleopTarget, mode: ControlMode, now_ns: int) -> ModeChange | None:
        """Take a target of the operator's stream; what it asks for.

        Raises:
            TeleopTargetError: as `Operator.take`.
        """
        operator = self.operator
        pressed = operator.take(target, now_ns)
        if self.operator_moves(mode):
            return None if operator.holds else ModeChange(self._resume, f"{self._who} let go")
        return ModeChange(ControlMode.TELEOP, f"{self._who} takes over") if pressed else None

    def watch(self, mode: ControlMode, now_ns: int) -> ModeChange | None:
        """The change that silence triggers, if any."""
        if self.operator_moves(mode):
            silent_s, limit_s = self.operator.silent_s(now_ns), self._settings.deadman_timeout_s
            if silent_s > limit_s:
                return ModeChange(
                    ModeEvent.LOST,
                    f"the deadman of {self._who} was last heard {silent_s:.3f} s ago, limit "
                    f"{limit_s} s",
                )
        elif mode is ControlMode.BLEND:
            waited_s = (now_ns - self._since_ns) / NANOSECONDS
            if waited_s > self._settings.resume_timeout_s:
                return ModeChange(
                    ModeEvent.LOST,
                    f"no chunk made after the return has come within "
                    f"{self._settings.resume_timeout_s} s",
                )
        return None

    def why_not(self, held: bool, now_ns: int) -> str:
        """Why the operator does not hold the deadman (`held`), or has not let go; "" if so."""
        silent = self.operator.silent_s(now_ns) > self._settings.deadman_timeout_s
        holds = self.operator.holds and not silent
        if holds == held:
            return ""
        if holds:
            return f"{self._who} holds the deadman"
        return "the deadman is not held; let go of it, and press it"

    def enter(
        self, before: ControlMode, mode: ControlMode, toward: ControlMode, reason: str, now_ns: int
    ) -> bool:
        """A mode begins; whether the operator has just given the robot up.

        Args:
            toward: where it leads, if it is a BLEND.
        """
        moved = self.operator_moves(before)
        from_policy = ControlMode.POLICY in (before, self.toward if before is _BLEND else None)
        self.toward, self._since_ns = toward, now_ns
        moves = self.operator_moves(mode)
        if moves and not moved:
            self._resume = self._settings.on_release.mode if from_policy else ControlMode.HOLD
            number = 1 if self.intervention is None else self.intervention.number + 1
            self.intervention = Intervention(
                number, self.operator.name, self.operator.source, now_ns, reason
            )
            self._news.append(self.intervention)
        elif moved and not moves:
            self.intervention = replace(self.intervention, end_ns=now_ns, end_cause=reason)
            self._news.append(self.intervention)
        return moved and not moves

    def take_news(self) -> list[Intervention]:
        """Interventions that have begun or ended since this was last asked."""
        news, self._news = self._news, []
        return news

    def begin(self, resting: np.ndarray) -> None:
        """Follow the operator from here; `resting` `(dof,)` is where the command would rest."""
        self._follower.begin(resting)

    def follow(
        self,
        mode: ControlMode,
        motion: JointMotion,
        speed: float,
        hand_speed: float,
        now_ns: int,
    ) -> Followed:
        """One tick in which the operator moves the robot.

        Args:
            motion: the last command.
            speed: share of the speed limits that ages and tracking allow, above 0.
            hand_speed: largest speed of a hand [m/s].
        """
        targets = self.operator.targets(now_ns)
        distance, joint = self._follower.distance(motion, targets)
        joined = distance <= self._settings.tolerance
        constraint = ActiveConstraint("operator_distance", joint, distance)
        if mode is ControlMode.BLEND and not joined:
            if self._settings.takeover is Takeover.MATCHED:
                return Followed(None, False, constraint)
            speed *= self._settings.approach
        goal = self._follower.goal(motion, targets, speed, hand_speed)
        return Followed(goal, joined, constraint)

    @property
    def _who(self) -> str:
        return f"{self.operator.name or 'the operator'} with {self.operator.source}"


_BLEND = ControlMode.BLEND
