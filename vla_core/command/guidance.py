"""What a tick follows, and how fast: the policy's path, the ready motion's, or the operator."""

from __future__ import annotations

import numpy as np

from vla_core.chunks.timeline import Sample, Step
from vla_core.command.arbiter import Arbiter
from vla_core.command.commanded_motion import CommandedMotion
from vla_core.command.intake import Intake
from vla_core.command.path_follower import Reference
from vla_core.command.paths import Paths
from vla_core.handover.handover import Handover
from vla_core.handover.modes import ModeEvent
from vla_core.safety.command_safety import CommandSafety
from vla_core.safety.description import HandSpeedMode
from vla_core.safety.freshness import FreshnessLimits, Response, StaleInput
from vla_core.safety.look_ahead import Allowed
from vla_core.safety.tracking import TrackingGuard
from vla_core.types import ActiveConstraint, ControlMode

_HAND_SPEED = {
    ControlMode.POLICY: HandSpeedMode.POLICY,
    ControlMode.TELEOP: HandSpeedMode.TELEOP,
    ControlMode.BLEND: HandSpeedMode.TELEOP,
    ControlMode.HOLD: HandSpeedMode.READY,
}
_POLICY_INPUTS = frozenset({"observation", "intent", "chunk", "joint_state"})
_READY_INPUTS = frozenset({"joint_state"})
_TELEOP_INPUTS = frozenset({"teleop", "joint_state"})


class Guidance:
    """Finds the reference of a tick.

    Args:
        arbiter: the mode in force; is given the events that end it.
        intake, motion, paths: what has come in, the command, and the paths to follow.
        freshness: age limits of the inputs.
        safety: hand speeds; None: a hand may be as fast as its joints.
        tracking: whether the robot is where it is commanded; None: nobody looks.
        handover: the operator's targets; None: nobody can take over.
    """

    def __init__(
        self,
        arbiter: Arbiter,
        intake: Intake,
        motion: CommandedMotion,
        paths: Paths,
        freshness: FreshnessLimits,
        safety: CommandSafety | None,
        tracking: TrackingGuard | None,
        handover: Handover | None,
    ) -> None:
        self._arbiter, self._handover = arbiter, handover
        self._intake, self._motion, self._paths = intake, motion, paths
        self._freshness, self._safety, self._tracking = freshness, safety, tracking

    @property
    def hand_speed(self) -> float:
        """Largest speed of a hand in this mode [m/s]."""
        if self._safety is None or self._arbiter.mode not in _HAND_SPEED:
            return np.inf
        return self._safety.hand_speed[_HAND_SPEED[self._arbiter.mode]]

    def reference(
        self,
        now_ns: int,
        elapsed_s: float,
        ages_s: dict[str, float],
        constraints: list[ActiveConstraint],
    ) -> Reference | None:
        """What is followed now; None where nothing must or can be.

        Args:
            elapsed_s: since the last tick [s].
            ages_s: of the inputs, as `FreshnessLimits` names them.
            constraints: why it is not followed at full speed, or not at all, is added.
        """
        arbiter, motion = self._arbiter, self._motion.now
        if self._handover is not None and motion is not None:
            if self._handover.operator_moves(arbiter.mode):
                return self._operators(now_ns, ages_s, constraints)
            if arbiter.mode == ControlMode.BLEND and self._intake.has_chunk:
                reason = "the policy goes on from what it sees now"
                arbiter.handle_event(ModeEvent.RENEWED, reason, now_ns)
        follower = self._paths.followed(arbiter.mode)
        if follower is None or motion is None:
            self._paths.leave()
            return None
        is_ready = follower is self._paths.ready
        inputs = _READY_INPUTS if is_ready else _POLICY_INPUTS
        allowed = self._allowed(ages_s, inputs, now_ns, constraints)
        if allowed.speed <= 0.0 and allowed.constraint is None:
            follower.leave()
            self._intake.drop_ready("joint states are stale, or the robot is not where it is told")
            return None
        reference = follower.follow(now_ns, elapsed_s, motion, allowed, self.hand_speed)
        if reference is None:
            constraints.append(ActiveConstraint("chunk_exhausted", "chunk", 0.0))
            self._intake.ready.clear()
            return None
        constraints.extend(reference.constraints)
        return reference

    def _operators(
        self, now_ns: int, ages_s: dict[str, float], constraints: list[ActiveConstraint]
    ) -> Reference | None:
        """The way to the operator's targets; None where it must not be gone now."""
        arbiter, handover = self._arbiter, self._handover
        allowed = self._allowed(ages_s, _TELEOP_INPUTS, now_ns, constraints)
        if not handover.operator_moves(arbiter.mode):
            return None
        if allowed.speed <= 0.0:
            reason = f"{ModeEvent.STRAYED.value}, or joint states do"
            arbiter.handle_event(ModeEvent.STRAYED, reason, now_ns)
            return None
        goal, joined, distance = handover.follow(
            arbiter.mode, self._motion.now, allowed.speed, self.hand_speed, now_ns
        )
        if arbiter.mode == ControlMode.BLEND:
            constraints.append(distance)
            if joined:
                arbiter.handle_event(ModeEvent.JOINED, ModeEvent.JOINED.value, now_ns)
        if goal is None:
            return None
        step = Step(now_ns, goal.wanted, goal.velocity, -1, None)
        sample = Sample(goal.wanted, goal.velocity, step, 0)
        return Reference(sample, goal.position, goal.velocity, ())

    def _allowed(
        self,
        ages_s: dict[str, float],
        inputs: frozenset[str],
        now_ns: int,
        constraints: list[ActiveConstraint],
    ) -> Allowed:
        """Path speed that the age of the inputs, their delay and the tracking error allow.

        No speed without a constraint means: stop within the limits, off the path if need be.
        """
        allowed = Allowed(1.0)
        stale = [old for old in self._freshness.stale(ages_s) if old.name in inputs]
        for old in stale:
            constraints.append(_stale_constraint(old))
            if old.limit.response == Response.STOP:
                reason = f"{old.name} is {old.age_s:.3f} s old, limit {old.limit.limit_s} s"
                self._arbiter.handle_event(ModeEvent.LOST, reason, now_ns)
            if old.path_speed <= 0.0:
                allowed = Allowed(0.0)
            elif old.path_speed < allowed.speed:
                allowed = Allowed(old.path_speed, _stale_constraint(old))
        if "chunk" in inputs and self._intake.path_speed < allowed.speed:
            late = ActiveConstraint("delay_exceeded", "chunk", 1.0 - self._intake.path_speed)
            allowed = Allowed(self._intake.path_speed, late)
        if self._tracking is not None and self._tracking.path_speed < allowed.speed:
            return Allowed(self._tracking.path_speed, self._tracking.worst)
        return allowed


def _stale_constraint(old: StaleInput) -> ActiveConstraint:
    over_s = max(0.0, old.age_s - old.limit.limit_s)
    return ActiveConstraint(f"{old.name}_stale", old.name, over_s)
