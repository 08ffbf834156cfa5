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

from collections.abc import Callable, Sequence

import numpy as np

from vla_core.data.joint_state import age_s
from vla_core.errors import TeleopTargetError
from vla_core.execution.command import Command, CommandChain, CommandSettings, StopTail
from vla_core.execution.intake import Intake
from vla_core.execution.late_ticks import LateTicks
from vla_core.execution.path_follower import PathFollower, Reference
from vla_core.execution.start import start_motion, why_not_start
from vla_core.execution.tick_clock import Passed, TickClock
from vla_core.execution.timeline import ChunkTimeline, Sample, Step
from vla_core.handover.handover import Ask, Handover
from vla_core.handover.intervention import Intervention
from vla_core.handover.modes import Condition, Happening, ModeAnswer, find_transition, follows
from vla_core.handover.settings import HandoverSettings
from vla_core.safety.command_safety import CommandSafety
from vla_core.safety.description import HandSpeedMode
from vla_core.safety.emergency_button import EmergencyButton
from vla_core.safety.freshness import FreshnessLimits, Response, StaleInput
from vla_core.safety.joint_limits import JointLimits
from vla_core.safety.limits import JointLimiter
from vla_core.safety.look_ahead import Allowed, LookAhead
from vla_core.safety.motion_filter import MotionFilter
from vla_core.safety.stopping import EmergencyProfile, JointMotion, StopProfile
from vla_core.safety.tracking import TrackingGuard
from vla_core.types import (
    ActionChunk,
    ActiveConstraint,
    ControlMode,
    ExecutionState,
    Pace,
    SafetyStatus,
    TeleopTarget,
)

_NOTHING = np.empty(0)
_NO_TAIL = StopTail(_NOTHING, np.empty((0, 0)), np.empty((0, 0)))
_STILL = 1e-9
_NO_TELEOP = "no teleoperation is served; start the command node with `teleop`"
#: Longest gap in commands that the servos of a robot without a stopping tail do not feel [s].
_BRIDGED_S = 0.02
_HAND_SPEED = {
    ControlMode.POLICY: HandSpeedMode.POLICY,
    ControlMode.TELEOP: HandSpeedMode.TELEOP,
    ControlMode.BLEND: HandSpeedMode.TELEOP,
    ControlMode.HOLD: HandSpeedMode.READY,
}
_POLICY_INPUTS = frozenset({"observation", "intent", "chunk", "joint_state"})
_READY_INPUTS = frozenset({"joint_state"})
_TELEOP_INPUTS = frozenset({"teleop", "joint_state"})


class CommandCore:
    """Arbitration, chunk timeline and safety filter behind one `tick`.

    Args:
        limits: what every command is held to.
        settings: period and tolerances.
        freshness: age limits of the inputs.
        safety: distances, hand speeds, tracking errors, heartbeat; None leaves them out.
        handover: how an operator takes over; None: nobody can.

    Attributes:
        mode, mode_reason, mode_since_ns: who commands the robot, why, and since when.
    """

    def __init__(
        self,
        limits: JointLimits,
        settings: CommandSettings = CommandSettings(),
        freshness: FreshnessLimits = FreshnessLimits(),
        safety: CommandSafety | None = None,
        handover: HandoverSettings | None = None,
    ) -> None:
        self.limits = limits
        self.settings = settings
        self.freshness = freshness
        self.mode = ControlMode.IDLE
        self.mode_reason = "started"
        self.mode_since_ns = 0
        self._safety = safety
        self._limiter = JointLimiter(limits, settings.period_s, settings.horizon_s)
        self._filter = MotionFilter(
            self._limiter,
            None if safety is None else safety.collision,
            settings.reserve_m,
            settings.barrier_rate_per_s,
            settings.stop_step_s,
        )
        self._intake = Intake(limits.names, settings.future_tolerance_s)
        self._policy = self._follower(self._intake.timeline)
        self._ready = self._follower(self._intake.ready)
        self._tracking = None
        if safety is not None:
            self._tracking = TrackingGuard(
                limits.names, safety.tracking_slow, safety.tracking_stop, settings.period_s
            )
        self._button = EmergencyButton(0.0 if safety is None else safety.estop_heartbeat_s)
        self._handover = None
        if handover is not None:
            self._handover = Handover(
                handover,
                limits,
                None if safety is None else safety.collision,
                self._limiter.horizon_s,
                settings.future_tolerance_s,
            )
        self._late_ticks = LateTicks(settings.late_ticks, settings.late_window_s)
        self._clock = TickClock(settings.period_s, settings.simulated_clock)
        self._ready_stamp_ns = 0
        self._motion: JointMotion | None = None
        self._stop: StopProfile | EmergencyProfile | None = None
        self._brake: Callable[[JointMotion], StopProfile | EmergencyProfile] | None = None
        self._tick = 0

    def _follower(self, timeline: ChunkTimeline) -> PathFollower:
        settings, look_ahead = self.settings, None
        if self._safety is not None and settings.path_braking:
            look_ahead = LookAhead(
                self._safety.collision,
                self.limits,
                2 * settings.reserve_m,
                settings.barrier_rate_per_s,
                settings.look_ahead_step_s,
            )
        return PathFollower(
            timeline, self.limits, look_ahead, settings.period_s, self._limiter.horizon_s
        )

    @property
    def timeline(self) -> ChunkTimeline:
        """What the policy wants, as far as it is known."""
        return self._intake.timeline

    @property
    def pace(self) -> Pace:
        """How the policy's timeline is run through."""
        return self._policy.pace

    @property
    def intervention(self) -> Intervention | None:
        """The newest time that an operator has, or had, the robot."""
        return None if self._handover is None else self._handover.intervention

    def take_interventions(self) -> list[Intervention]:
        """Those that have begun or ended since this was last asked."""
        return [] if self._handover is None else self._handover.take_news()

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
        problem = self._intake.take_joint_state(names, position, velocity, stamp_ns, now_ns)
        if not problem and self._tracking is not None:
            self._tracking.measured(stamp_ns, self._intake.measured.position)
        return problem

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> str:
        """Take an action chunk; returns why it was refused, "" if it was not.

        One that was made of the world before an operator gave the robot back is left out.
        """
        if self._intake.is_void(chunk):
            return ""
        problem = self._intake.take_chunk(chunk, now_ns)
        if not problem:
            self._policy.join()
        return problem

    def on_ready_chunk(self, chunk: ActionChunk, now_ns: int) -> str:
        """Take the whole way to the ready pose, followed in HOLD from its first target on.

        Returns why it was refused, "" if it was not.
        """
        if self.mode != ControlMode.HOLD:
            return f"ready motion: refused in {self.mode.name}; ask for HOLD first"
        if not _is_still(self._motion):
            return "ready motion: refused, the command is still moving"
        problem = self._intake.take_ready(
            chunk, now_ns, self._motion.position, self.settings.start_tolerance
        )
        if not problem:
            self._ready.leave()
            self._ready_stamp_ns = chunk.observation_stamp_ns
        return problem

    def on_teleop(self, target: TeleopTarget, now_ns: int) -> str:
        """Take a target of the operator's stream; returns why it or what it asks for was refused."""
        if self._handover is None:
            return _NO_TELEOP
        try:
            ask = self._handover.take(target, self.mode, now_ns)
        except TeleopTargetError as error:
            return str(error)
        return "" if ask is None else self._heed(ask, now_ns)

    def on_estop(self, pressed: bool, now_ns: int, source: str = "its topic") -> None:
        """Take a message of the emergency stop: pressed, or (its heartbeat) released."""
        self._button.hear(pressed, now_ns)
        if pressed:
            self.estop(f"{source} said so", now_ns)

    def request_mode(self, mode: ControlMode, now_ns: int, reason: str = "asked for") -> ModeAnswer:
        """Change who commands the robot, if the table of transitions and its conditions allow it.

        HOLD asked for in POLICY answers STOPPING, and HOLD follows by itself at standstill; TELEOP
        asked for answers BLEND, as POLICY does in TELEOP. HOLD asked for in ESTOP is the explicit
        reset.
        """
        transition = find_transition(self.mode, mode)
        if isinstance(transition, str):
            return ModeAnswer(False, transition, self.mode)
        for condition in Condition:
            problem = self._unmet(condition, now_ns) if condition in transition.conditions else ""
            if problem:
                return ModeAnswer(False, f"{mode.name} refused: {problem}", self.mode)
        turns = transition.enters == ControlMode.BLEND and self._handover.toward != mode
        if transition.enters != self.mode or turns:
            self._enter(transition.enters, reason, now_ns, mode)
        return ModeAnswer(True, "", self.mode)

    def estop(self, reason: str, now_ns: int) -> None:
        """Brake at once and stay; latched until HOLD is asked for. The first reason is kept."""
        if self.mode != ControlMode.ESTOP:
            self._enter(ControlMode.ESTOP, reason, now_ns)

    # Tick

    def tick(self, now_ns: int, steady_ns: int | None = None) -> Command:
        """Decide the command for `now_ns`.

        A tick moves the command by one period; where ticks were missed the robot has gone on along
        the stopping tail, and so does the command. Two ticks of the same time do not move it twice.

        Args:
            now_ns: time on the clock of the stamps, which may be set.
            steady_ns: time on a clock that is never set, read right after it. None: `now_ns` is
                such a clock.
        """
        self._tick += 1
        constraints: list[ActiveConstraint] = []
        passed = self._clock.tick(now_ns, now_ns if steady_ns is None else steady_ns)
        self._heed_clock(passed, constraints)
        self._watch(now_ns, passed.late)
        self._catch_up(passed.periods - 1)
        ages_s = self._intake.ages_s(now_ns)
        if self._handover is not None:
            ages_s["teleop"] = self._handover.operator.age_s(now_ns)
            if (ask := self._handover.watch(self.mode, now_ns)) is not None:
                self._heed(ask, now_ns)
        reference = self._reference(self._clock.now_ns, passed.elapsed_s, ages_s, constraints)
        if self._motion is not None and passed.periods > 0:
            after = self._advance(self._motion, reference, constraints)
            self._motion = self._valid(after, self._motion, now_ns, constraints)
            if self._tracking is not None:
                self._tracking.sent(self._clock.played_ns, self._motion.position)
        return self._command(now_ns, reference, ages_s, tuple(constraints))

    def _heed_clock(self, passed: Passed, constraints: list[ActiveConstraint]) -> None:
        """What a clock that was set means for what was stamped by it."""
        if passed.set_back:
            self._intake.restart()
            self._leave_paths()
            if self._tracking is not None:
                self._tracking.forget()
            if self._handover is not None:
                self._handover.operator.restart()
            constraints.append(ActiveConstraint("clock_set_back", "clock", 0.0))
        if passed.set_forward_s:
            self._intake.drop_ready("the clock was set forward")
            self._policy.join()
            self._button.set_forward(passed.set_forward_s)
            constraints.append(
                ActiveConstraint("clock_set_forward", "clock", passed.set_forward_s)
            )

    def _watch(self, now_ns: int, late: bool) -> None:
        """Emergency stop, pace of the loop, tracking: what ends a motion whatever is followed."""
        if self.mode in (ControlMode.IDLE, ControlMode.ESTOP):
            return
        if problem := self._button.problem(now_ns):
            self.estop(problem, now_ns)
            return
        if late:
            self._late_ticks.add(now_ns)
        problem = self._late_ticks.problem(now_ns)
        if not problem and self._tracking is not None:
            problem = self._tracking.problem
        if not problem:
            return
        self._happens(Happening.LOST, problem, now_ns)
        self._intake.drop_ready(problem)

    def _catch_up(self, missed: int) -> None:
        """Go on from where the robot was taken by the last command while ticks were missed.

        Where it has come to rest by that, the path begins anew from there, and the way to the ready
        pose is dropped. Not for a gap that nobody feels: at a motion's first ticks the robot is so
        slow that it would come to rest in any.
        """
        if missed <= 0 or self._motion is None or self._stop is None:
            return
        moved = not _is_still(self._motion)
        missed_s = missed * self.settings.period_s
        if self.settings.tail_is_followed or missed_s <= _BRIDGED_S:
            self._motion = self._stop.at(missed_s)
        else:
            self._motion = JointMotion.at_rest(self._motion.position)
        if moved and missed_s > _BRIDGED_S and _is_still(self._motion):
            self._leave_paths()
            self._intake.drop_ready(f"{missed} ticks were missed, and the robot came to rest")

    def _reference(
        self,
        now_ns: int,
        elapsed_s: float,
        ages_s: dict[str, float],
        constraints: list[ActiveConstraint],
    ) -> Reference | None:
        """What is followed now; None where nothing must or can be."""
        if self._handover is not None and self._motion is not None:
            if self._handover.operator_moves(self.mode):
                return self._follow_operator(now_ns, ages_s, constraints)
            if self.mode == ControlMode.BLEND and self._intake.has_chunk:
                self._happens(Happening.RENEWED, "the policy goes on from what it sees now", now_ns)
        follower, inputs = self._followed()
        if follower is None or self._motion is None:
            self._leave_paths()
            return None
        allowed = self._allowed(ages_s, inputs, now_ns, constraints)
        if allowed.speed <= 0.0 and allowed.constraint is None:
            follower.leave()
            self._intake.drop_ready("joint states are stale, or the robot is not where it is told")
            return None
        behind_ns = 0
        if follower is self._ready:  # begins with its first target, however late it came
            behind_ns = now_ns - self._ready_stamp_ns
        reference = follower.follow(
            now_ns, elapsed_s, self._motion, allowed, self._hand_speed, behind_ns
        )
        if reference is None:
            constraints.append(ActiveConstraint("chunk_exhausted", "chunk", 0.0))
            self._intake.ready.clear()
            return None
        constraints.extend(reference.constraints)
        return reference

    def _follow_operator(
        self, now_ns: int, ages_s: dict[str, float], constraints: list[ActiveConstraint]
    ) -> Reference | None:
        """The way to the operator's targets; None where it must not be gone now."""
        allowed = self._allowed(ages_s, _TELEOP_INPUTS, now_ns, constraints)
        if not self._handover.operator_moves(self.mode):
            return None
        if allowed.speed <= 0.0:
            reason = f"{Happening.STRAYED.value}, or joint states do"
            self._happens(Happening.STRAYED, reason, now_ns)
            return None
        goal, joined, distance = self._handover.follow(
            self.mode, self._motion, allowed.speed, self._hand_speed, now_ns
        )
        if self.mode == ControlMode.BLEND:
            constraints.append(distance)
            if joined:
                self._happens(Happening.JOINED, Happening.JOINED.value, now_ns)
        if goal is None:
            return None
        step = Step(now_ns, goal.wanted, goal.velocity, -1, None)
        sample = Sample(goal.wanted, goal.velocity, step, 0)
        return Reference(sample, goal.position, goal.velocity, ())

    def _followed(self) -> tuple[PathFollower | None, frozenset[str]]:
        """The path that the mode follows, and the inputs that must be fresh for it."""
        if self.mode == ControlMode.POLICY:
            return self._policy, _POLICY_INPUTS
        if self.mode == ControlMode.HOLD and self._intake.ready.end_ns is not None:
            return self._ready, _READY_INPUTS
        return None, _READY_INPUTS

    @property
    def _hand_speed(self) -> float:
        """Largest speed of a hand in this mode [m/s]."""
        if self._safety is None or self.mode not in _HAND_SPEED:
            return np.inf
        return self._safety.hand_speed[_HAND_SPEED[self.mode]]

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
        stale = [old for old in self.freshness.stale(ages_s) if old.name in inputs]
        for old in stale:
            constraints.append(_stale_constraint(old))
            if old.limit.response == Response.STOP:
                reason = f"{old.name} is {old.age_s:.3f} s old, limit {old.limit.limit_s} s"
                self._happens(Happening.LOST, reason, now_ns)
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

    def _advance(
        self,
        motion: JointMotion,
        reference: Reference | None,
        constraints: list[ActiveConstraint],
    ) -> JointMotion:
        """One period of following, stopping, or braking."""
        if self.mode == ControlMode.ESTOP:
            if self._brake is None:
                clear = self._filter.emergency_is_clear(motion)
                limiter = self._limiter
                self._brake = limiter.emergency_profile if clear else limiter.stop_profile
            return self._brake(motion).at(self.settings.period_s)
        if reference is None:
            return self._limiter.stop_step(motion)
        step = self._filter.step(motion, reference.position, reference.velocity, self._hand_speed)
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
                reason = f"standing still: {self.mode_reason}"
                self._happens(Happening.STOOD_STILL, reason, now_ns)
            return after.frozen()
        constraints.append(ActiveConstraint("invalid_command", "limiter", 0.0))
        self.estop("the limiter gave an invalid command; this is a bug", now_ns)
        return JointMotion.at_rest(before.position).frozen()

    def _command(
        self,
        now_ns: int,
        reference: Reference | None,
        ages_s: dict[str, float],
        constraints: tuple[ActiveConstraint, ...],
    ) -> Command:
        motion = self._motion
        position = _NOTHING if motion is None else motion.position
        sample = None if reference is None else reference.sample
        chunk = None if sample is None else sample.step.chunk
        followed = self._followed()[0]
        return Command(
            stamp_ns=now_ns,
            active=motion is not None,
            position=position,
            velocity=_NOTHING if motion is None else motion.velocity,
            acceleration=_NOTHING if motion is None else motion.acceleration,
            tail=_NO_TAIL if motion is None else self._tail(motion),
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
                pace=Pace(speed=0.0) if followed is None else followed.pace,
            ),
            motion_ns=self._clock.played_ns,
            chain=CommandChain.of(chunk),
            refused=self._intake.take_refused(),
        )

    def _tail(self, motion: JointMotion) -> StopTail:
        """The command, then its stop: braking as the mode would."""
        self._stop = (self._brake or self._limiter.stop_profile)(motion)
        stop = self._stop.sampled(self.settings.stop_step_s)
        return StopTail.along(stop, self.settings.period_s)

    # State

    def _heed(self, ask: Ask, now_ns: int) -> str:
        """Do what the operator's side asks for; returns why it was refused, "" if it was not."""
        if isinstance(ask.asked, Happening):
            self._happens(ask.asked, ask.reason, now_ns)
            return ""
        answer = self.request_mode(ask.asked, now_ns, ask.reason)
        return answer.reason

    def _happens(self, happening: Happening, reason: str, now_ns: int) -> None:
        """Enter what the table says follows, if anything does."""
        transition = follows(self.mode, happening)
        if transition is not None:
            toward = ControlMode.TELEOP if happening is Happening.STRAYED else None
            self._enter(transition.enters, reason, now_ns, toward)

    def _enter(
        self, mode: ControlMode, reason: str, now_ns: int, toward: ControlMode | None = None
    ) -> None:
        """A mode begins; `toward` says where it leads, unless to itself."""
        if self._handover is not None:
            if self._handover.enter(self.mode, mode, toward or mode, reason, now_ns):
                self._intake.void(now_ns)
            if mode == ControlMode.BLEND:
                rest = self._limiter.stop_profile(self._motion)
                self._handover.begin(rest.at(float(rest.duration_s.max())).position)
        if mode == ControlMode.IDLE:
            self._motion = self._stop = None
        elif mode == ControlMode.HOLD and self._motion is None:
            self._motion = start_motion(self._intake.measured, self.limits).frozen()
            self._filter.start(self._motion.position)
            if self._tracking is not None:
                self._tracking.forget()
        self._brake = None
        self._intake.ready.clear()
        self._leave_paths()
        self.mode, self.mode_reason, self.mode_since_ns = mode, reason, now_ns

    def _leave_paths(self) -> None:
        self._policy.leave()
        self._ready.leave()

    def _unmet(self, condition: Condition, now_ns: int) -> str:
        """Why `condition` does not hold; "" when it does."""
        if condition == Condition.STANDING_STILL:
            still = self._motion is None or _is_still(self._motion)
            return "" if still else "the command is still moving"
        if condition == Condition.ESTOP_RELEASED:
            return self._button.problem(now_ns)
        if condition == Condition.TRACKS:
            return "" if self._tracking is None else self._tracking.problem
        if condition in (Condition.OPERATOR_HOLDS, Condition.OPERATOR_RELEASED):
            if self._handover is None:
                return _NO_TELEOP
            return self._handover.why_not(condition == Condition.OPERATOR_HOLDS, now_ns)
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


def _stale_constraint(old: StaleInput) -> ActiveConstraint:
    over_s = max(0.0, old.age_s - old.limit.limit_s)
    return ActiveConstraint(f"{old.name}_stale", old.name, over_s)


def _is_still(motion: JointMotion) -> bool:
    return bool((np.abs(motion.velocity) < _STILL).all() and (motion.acceleration == 0).all())
