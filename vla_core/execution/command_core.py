"""The brain of the command node: newest chunk in, limited joint command out, every tick.

    core = CommandCore(robot.limits, CommandSettings(period_s=0.005), FreshnessLimits())
    core.on_joint_state(names, position, velocity, stamp_ns, now_ns)
    core.request_mode(ControlMode.HOLD, now_ns)      # then ControlMode.POLICY
    core.on_chunk(chunk, now_ns)
    command = core.tick(now_ns)

Nothing waits: inputs are pushed when they come, and a tick works with what is there. The clock is
the caller's, so a replay gives the same commands bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.data.joint_state import age_s
from vla_core.execution.command import Command, CommandChain, CommandSettings, StopTail
from vla_core.execution.intake import Intake
from vla_core.execution.start import start_motion, why_not_start
from vla_core.execution.timeline import Sample
from vla_core.handover.modes import Condition, ModeAnswer, find_transition
from vla_core.safety.freshness import FreshnessLimits, Response
from vla_core.safety.joint_limits import JointLimits
from vla_core.safety.limits import JointLimiter
from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile
from vla_core.types import (
    NANOSECONDS,
    ActionChunk,
    ActiveConstraint,
    ControlMode,
    ExecutionState,
    SafetyStatus,
)

_NOTHING = np.empty(0)
_NO_TAIL = StopTail(_NOTHING, np.empty((0, 0)), np.empty((0, 0)))
_STILL = 1e-9


class CommandCore:
    """Arbitration, chunk timeline and limits behind one `tick`.

    Args:
        limits: what every command is held to.
        settings: period and tolerances.
        freshness: age limits of the inputs.

    Attributes:
        mode, mode_reason, mode_since_ns: who commands the robot, why, and since when.
    """

    def __init__(
        self,
        limits: JointLimits,
        settings: CommandSettings = CommandSettings(),
        freshness: FreshnessLimits = FreshnessLimits(),
    ) -> None:
        self.limits = limits
        self.settings = settings
        self.freshness = freshness
        self.mode = ControlMode.IDLE
        self.mode_reason = "started"
        self.mode_since_ns = 0
        self._limiter = JointLimiter(limits, settings.period_s, settings.horizon_s)
        self._intake = Intake(limits.names, settings.future_tolerance_s)
        self._period_ns = round(settings.period_s * NANOSECONDS)
        self._horizon_ns = round(self._limiter.horizon_s * NANOSECONDS)
        self._settle_ns = 2 * self._horizon_ns
        self._motion: JointMotion | None = None
        self._stop: StopProfile | EmergencyProfile | None = None
        self._following = False
        self._last_tick_ns: int | None = None
        self._played_ns = 0
        self._tick = 0

    # Inputs

    def on_joint_state(
        self,
        names: Sequence[str],
        position: np.ndarray,
        velocity: np.ndarray,
        stamp_ns: int,
        now_ns: int,
    ) -> str:
        """Take a measured joint state; returns why it was refused, "" if it was not.

        Args:
            names: joints in the order of the arrays; more than the robot's are ignored.
            position, velocity: one number a name [rad], [rad/s]; velocity may be empty.
        """
        return self._intake.take_joint_state(names, position, velocity, stamp_ns, now_ns)

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> str:
        """Take an action chunk; returns why it was refused, "" if it was not."""
        problem = self._intake.take_chunk(chunk, now_ns)
        if not problem:
            self._following = False
        return problem

    def request_mode(self, mode: ControlMode, now_ns: int, reason: str = "asked for") -> ModeAnswer:
        """Change who commands the robot, if the table of transitions and its conditions allow it.

        HOLD asked for in POLICY answers STOPPING, and HOLD follows by itself at standstill. HOLD
        asked for in ESTOP is the explicit reset.
        """
        transition = find_transition(self.mode, mode)
        if isinstance(transition, str):
            return ModeAnswer(False, transition, self.mode)
        for condition in Condition:
            problem = self._unmet(condition, now_ns) if condition in transition.conditions else ""
            if problem:
                return ModeAnswer(False, f"{mode.name} refused: {problem}", self.mode)
        if transition.enters != self.mode:
            self._enter(transition.enters, reason, now_ns)
        return ModeAnswer(True, "", self.mode)

    def estop(self, reason: str, now_ns: int) -> None:
        """Brake at once and stay; latched until HOLD is asked for. The first reason is kept."""
        if self.mode != ControlMode.ESTOP:
            self._enter(ControlMode.ESTOP, reason, now_ns)

    # Tick

    def tick(self, now_ns: int) -> Command:
        """Decide the command for `now_ns`.

        A tick moves the command by one period; where ticks were missed the robot has gone on along
        the stopping tail, and so does the command. Two ticks of the same time do not move it twice.
        """
        constraints: list[ActiveConstraint] = []
        periods = self._periods_since_last_tick(now_ns, constraints)
        ages_s = self._intake.ages_s(now_ns)
        sample = self._target(now_ns, ages_s, constraints)
        if self._motion is not None and periods > 0:
            before = self._late(self._motion, periods - 1)
            after = self._advance(before, sample, now_ns, constraints)
            self._motion = self._valid(after, before, now_ns, constraints)
        return self._command(now_ns, sample, ages_s, tuple(constraints))

    def _periods_since_last_tick(self, now_ns: int, constraints: list[ActiveConstraint]) -> int:
        """Whole periods that passed, wherever ticks fell in them; 1 for the first tick."""
        self._tick += 1
        if self._last_tick_ns is not None and now_ns < self._last_tick_ns:
            self._intake.restart()
            self._following = False
            constraints.append(ActiveConstraint("clock_set_back", "clock", 0.0))
        last_ns = self._last_tick_ns
        self._last_tick_ns = now_ns
        if last_ns is None or now_ns < last_ns:
            self._played_ns = now_ns
            return 1
        periods = (now_ns - self._played_ns + self._period_ns // 2) // self._period_ns
        self._played_ns += periods * self._period_ns
        return periods

    def _late(self, motion: JointMotion, missed: int) -> JointMotion:
        """Where the stopping tail of the last command took the robot while ticks were missed."""
        if missed == 0 or self._stop is None:
            return motion
        return self._stop.at(missed * self.settings.period_s)

    def _target(
        self, now_ns: int, ages_s: dict[str, float], constraints: list[ActiveConstraint]
    ) -> Sample | None:
        """Where the policy wants the robot now; None where it must not or cannot be followed.

        Past a chunk's end the robot settles on the last target for two horizons, then stops.
        """
        if self.mode != ControlMode.POLICY or self._motion is None:
            self._following = False
            return None
        stale = self.freshness.stale(ages_s)
        for old in stale:
            over_s = max(0.0, old.age_s - old.limit.limit_s)
            constraints.append(ActiveConstraint(f"{old.name}_stale", old.name, over_s))
        for old in stale:
            if old.limit.response == Response.STOP:
                reason = f"{old.name} is {old.age_s:.3f} s old, limit {old.limit.limit_s} s"
                self._enter(ControlMode.STOPPING, reason, now_ns)
                break
        if stale:
            self._following = False
            return None
        if not self._following:
            start_ns = now_ns - self._period_ns
            self._intake.timeline.anchor(start_ns, self._motion.position, self._motion.velocity)
            self._following = True
        end_ns = self._intake.timeline.end_ns
        if end_ns is not None and now_ns <= end_ns:
            return self._intake.timeline.sample(now_ns)
        constraints.append(ActiveConstraint("chunk_exhausted", "chunk", 0.0))
        if end_ns is None or now_ns > end_ns + self._settle_ns:
            self._following = False
            return None
        return self._intake.timeline.sample(end_ns)

    def _advance(
        self,
        motion: JointMotion,
        sample: Sample | None,
        now_ns: int,
        constraints: list[ActiveConstraint],
    ) -> JointMotion:
        """One period of following, stopping, or braking."""
        if self.mode == ControlMode.ESTOP:
            return self._limiter.emergency_step(motion)
        if sample is None:
            return self._limiter.stop_step(motion)
        ahead_ns = min(now_ns - self._period_ns + self._horizon_ns, self._intake.timeline.end_ns)
        ahead = self._intake.timeline.sample(ahead_ns)
        step = self._limiter.step(motion, ahead.position, ahead.velocity)
        constraints.extend(step.constraints)
        return step.motion

    def _valid(
        self,
        after: JointMotion,
        before: JointMotion,
        now_ns: int,
        constraints: list[ActiveConstraint],
    ) -> JointMotion:
        """`after` if it is a permitted command; else the position before it, latched."""
        if self._limiter.permits(after):
            if self.mode == ControlMode.STOPPING and _is_still(after):
                self._enter(ControlMode.HOLD, "standing still", now_ns)
            return after
        constraints.append(ActiveConstraint("invalid_command", "limiter", 0.0))
        self.estop("the limiter gave an invalid command; this is a bug", now_ns)
        return JointMotion.at_rest(before.position)

    def _command(
        self,
        now_ns: int,
        sample: Sample | None,
        ages_s: dict[str, float],
        constraints: tuple[ActiveConstraint, ...],
    ) -> Command:
        motion = self._motion if self._motion is None else self._motion.frozen()
        position = _NOTHING if motion is None else motion.position
        tail = _NO_TAIL if motion is None else self._tail(motion)
        chunk = None if sample is None else sample.step.chunk
        return Command(
            stamp_ns=now_ns,
            active=motion is not None,
            position=position,
            velocity=_NOTHING if motion is None else motion.velocity,
            acceleration=_NOTHING if motion is None else motion.acceleration,
            tail=tail,
            status=SafetyStatus(
                stamp_ns=now_ns,
                tick=self._tick,
                mode=self.mode,
                requested=position if sample is None else sample.position,
                commanded=position,
                constraints=constraints,
                ages_s=ages_s,
            ),
            execution=ExecutionState(
                stamp_ns=now_ns,
                mode=self.mode,
                chunk_sequence=0 if chunk is None else chunk.sequence,
                step=-1 if sample is None else sample.step.index,
                remaining_steps=0 if sample is None else sample.remaining_steps,
                delay_steps=0.0 if sample is None else float(self._intake.timeline.delay_steps),
            ),
            chain=CommandChain.of(chunk),
            refused=self._intake.take_refused(),
        )

    def _tail(self, motion: JointMotion) -> StopTail:
        """The command, then its stop: braking as the mode would."""
        emergency = self.mode == ControlMode.ESTOP
        stop = self._limiter.emergency_profile if emergency else self._limiter.stop_profile
        self._stop = stop(motion)
        return StopTail.along(self._stop, self.settings.tail_step_s, self.settings.period_s)

    # State

    def _enter(self, mode: ControlMode, reason: str, now_ns: int) -> None:
        if mode == ControlMode.IDLE:
            self._motion = self._stop = None
        elif mode == ControlMode.HOLD and self._motion is None:
            self._motion = start_motion(self._intake.measured, self.limits)
        self._following = False
        self.mode, self.mode_reason, self.mode_since_ns = mode, reason, now_ns

    def _unmet(self, condition: Condition, now_ns: int) -> str:
        """Why `condition` does not hold; "" when it does."""
        if condition == Condition.STANDING_STILL:
            still = self._motion is None or _is_still(self._motion)
            return "" if still else "the command is still moving"
        measured = self._intake.measured
        limit_s = self.freshness.joint_state.limit_s
        if measured is None:
            return "no joint state has come; is the robot up, and its topic right?"
        if condition == Condition.JOINT_STATE_FRESH:
            old_s = age_s(measured.stamp_ns, now_ns)
            return (
                "" if old_s <= limit_s else f"joint state is {old_s:.3f} s old, limit {limit_s} s"
            )
        return why_not_start(measured, self._motion, self.limits, self.settings)


def _is_still(motion: JointMotion) -> bool:
    return bool((np.abs(motion.velocity) < _STILL).all() and (motion.acceleration == 0).all())
