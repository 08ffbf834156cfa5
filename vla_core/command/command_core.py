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

from collections.abc import Collection, Sequence

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.command.arbiter import NO_TELEOP, Arbiter
from vla_core.command.command import Command, CommandSettings
from vla_core.command.command_maker import CommandMaker
from vla_core.command.commanded_motion import CommandedMotion
from vla_core.command.guidance import Guidance
from vla_core.command.intake import Intake
from vla_core.command.other_commander import OtherCommander
from vla_core.command.path_follower import Reference
from vla_core.command.paths import Paths
from vla_core.command.tick_clock import Passed, TickClock
from vla_core.errors import TeleopTargetError
from vla_core.handover.handover import Handover
from vla_core.handover.intervention import Intervention
from vla_core.handover.modes import Act, ModeAnswer, ModeEvent
from vla_core.handover.reset import why_nobody
from vla_core.handover.settings import HandoverSettings
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.command_safety import CommandSafety
from vla_core.safety.emergency_button import EmergencyButton
from vla_core.safety.freshness import FreshnessLimits
from vla_core.safety.tracking import TrackingGuard
from vla_core.types import ActionChunk, ActiveConstraint, ControlMode, Pace, TeleopTarget


class CommandCore:
    """Arbitration, chunk timeline and safety filter behind one `tick`.

    Args:
        limits: what every command is held to.
        settings: period and tolerances.
        freshness: age limits of the inputs.
        safety: distances, hand speeds, tracking errors, heartbeat; None leaves them out.
        handover: how an operator takes over; None: nobody can.
    """

    def __init__(
        self,
        limits: JointLimits,
        settings: CommandSettings = CommandSettings(),
        freshness: FreshnessLimits = FreshnessLimits(),
        safety: CommandSafety | None = None,
        handover: HandoverSettings | None = None,
    ) -> None:
        collision = None if safety is None else safety.collision
        self._settings = settings
        self._limits = limits
        self._clock = TickClock(settings.period_s, settings.simulated_clock)
        self._intake = Intake(limits.names, settings.future_tolerance_s)
        self._motion = CommandedMotion(limits, settings, collision)
        self._paths = Paths(self._intake, limits, settings, collision, self._motion.horizon_s)
        self._button = EmergencyButton(0.0 if safety is None else safety.estop_heartbeat_s)
        self._tracking = None
        if safety is not None:
            self._tracking = TrackingGuard(
                limits.names, safety.tracking_slow, safety.tracking_stop, settings.period_s
            )
        self._handover = None
        if handover is not None:
            self._handover = Handover(
                handover, limits, collision, self._motion.horizon_s, settings.future_tolerance_s
            )
        parts = (self._intake, self._motion, self._paths)
        self._arbiter = Arbiter(
            settings,
            freshness.joint_state.limit_s,
            *parts,
            self._button,
            self._tracking,
            self._handover,
        )
        self._guidance = Guidance(
            self._arbiter, *parts, freshness, safety, self._tracking, self._handover
        )
        self._maker = CommandMaker(self._arbiter, *parts, self._clock)

    @property
    def mode(self) -> ControlMode:
        """Who commands the robot."""
        return self._arbiter.mode

    @property
    def mode_reason(self) -> str:
        """Why."""
        return self._arbiter.reason

    @property
    def mode_since_ns(self) -> int:
        """Since when."""
        return self._arbiter.since_ns

    @property
    def timeline(self) -> ChunkTimeline:
        """What the policy wants, as far as it is known."""
        return self._intake.timeline

    @property
    def pace(self) -> Pace:
        """How the policy's timeline is run through."""
        return self._paths.policy.pace

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
        """Take measured joints, all or some; returns why they were refused, "" if they were not.

        Args:
            names, position, velocity, stamp_ns: as for `JointStates.take`.
        """
        problem = self._intake.take_joint_state(names, position, velocity, stamp_ns, now_ns)
        measured = self._intake.measured
        if not problem and self._tracking is not None and measured is not None:
            self._tracking.measured(measured.stamp_ns, measured.position)
        return problem

    def lacking(self, now_ns: int) -> str:
        """Which joints keep the joint states from being whole, and how old they are; "" if none."""
        return self._intake.lacking(now_ns)

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> str:
        """Take an action chunk; returns why it was refused, "" if it was not.

        One that was made of the world before an operator gave the robot back is left out.
        """
        if self._intake.is_invalid(chunk):
            return ""
        problem = self._intake.take_chunk(chunk, now_ns, self._paths.policy.is_followed)
        if not problem:
            self._paths.policy.join()
        return problem

    def on_ready_chunk(self, chunk: ActionChunk, now_ns: int) -> str:
        """Take the whole way to the ready pose, followed in HOLD from its first target on.

        Returns why it was refused, "" if it was not.
        """
        if self.mode != ControlMode.HOLD:
            return f"ready motion: refused in {self.mode.name}; ask for HOLD first"
        if self._arbiter.other_commander is not None:
            return f"ready motion: refused, {self._arbiter.other_commander}"
        if not self._motion.is_still:
            return "ready motion: refused, the command is still moving"
        problem = self._intake.take_ready(
            chunk,
            now_ns,
            self._motion.now.position,
            self._settings.start_tolerance * self._limits.per_radian,
        )
        if not problem:
            self._paths.ready.begin()
        return problem

    def on_teleop(self, target: TeleopTarget, now_ns: int) -> str:
        """Take a target of the operator's; returns why it or what it asks for was refused."""
        if self._handover is None:
            return NO_TELEOP
        try:
            change = self._handover.take(target, self.mode, now_ns)
        except TeleopTargetError as error:
            return str(error)
        return "" if change is None else self._arbiter.apply(change, now_ns)

    def on_other_commander(self, other: OtherCommander | None) -> None:
        """Hear who else commands the robot: it stops, and holds as long as there is anybody."""
        self._arbiter.other_commander = other

    def on_estop(self, pressed: bool, now_ns: int, source: str = "its topic") -> None:
        """Take a message of the emergency stop: pressed, or (its heartbeat) released."""
        self._button.update(pressed, now_ns)
        if pressed:
            self.estop(f"{source} said so", now_ns)

    def request_mode(
        self,
        mode: ControlMode,
        now_ns: int,
        reason: str = "asked for",
        only_from: Collection[ControlMode] = (),
    ) -> ModeAnswer:
        """Change who commands the robot, if the table of transitions and its conditions allow it.

        HOLD asked for in POLICY answers STOPPING, and HOLD follows by itself at standstill; TELEOP
        asked for answers BLEND, as POLICY does in TELEOP. ESTOP is not left by this.

        Args:
            only_from: modes in force in which it is asked for at all, so that who looked at the
                mode before asking changes no other; empty: in every one.
        """
        return self._arbiter.request(mode, now_ns, reason, only_from)

    def reset_estop(self, by: str, now_ns: int) -> ModeAnswer:
        """Leave ESTOP for HOLD, on the conditions of the table; the only way out of it.

        Args:
            by: the person who resets it; becomes the reason of the mode.
        """
        if problem := why_nobody(by):
            return ModeAnswer(False, f"{Act.RESET.name} refused: {problem}", self.mode)
        return self._arbiter.request(Act.RESET, now_ns, f"reset by {by.strip()}")

    def estop(self, reason: str, now_ns: int) -> None:
        """Brake at once and stay; latched until it is reset. The first reason is kept."""
        self._arbiter.estop(reason, now_ns)

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
        constraints: list[ActiveConstraint] = []
        passed = self._clock.tick(now_ns, now_ns if steady_ns is None else steady_ns)
        self._apply_clock(passed, constraints)
        if (other := self._arbiter.other_commander) is not None:
            constraints.append(ActiveConstraint("other_commander", other.topic, 0.0))
        self._arbiter.watch(now_ns, passed.late)
        self._catch_up(passed.periods - 1)
        ages_s = self._intake.ages_s(now_ns)
        if self._handover is not None:
            ages_s["teleop"] = self._handover.operator.age_s(now_ns)
        self._arbiter.watch_operator(now_ns)
        reference = self._guidance.reference(
            self._clock.now_ns, passed.elapsed_s, ages_s, constraints
        )
        if self._motion.now is not None and passed.periods > 0:
            self._advance(reference, now_ns, constraints)
        return self._maker.command(now_ns, reference, ages_s, tuple(constraints))

    def _apply_clock(self, passed: Passed, constraints: list[ActiveConstraint]) -> None:
        """What a clock that was set means for what was stamped by it."""
        if passed.set_back:
            self._intake.restart()
            self._paths.leave()
            if self._tracking is not None:
                self._tracking.forget()
            if self._handover is not None:
                self._handover.operator.restart()
            constraints.append(ActiveConstraint("clock_set_back", "clock", 0.0))
        if passed.set_forward_s:
            self._intake.drop_ready("the clock was set forward")
            self._paths.policy.join()
            self._button.set_forward(passed.set_forward_s)
            constraints.append(
                ActiveConstraint("clock_set_forward", "clock", passed.set_forward_s)
            )

    def _catch_up(self, missed: int) -> None:
        """Go on along the last command's tail; a robot that stands by now begins a new path."""
        if self._motion.catch_up(missed):
            self._paths.leave()
            self._intake.drop_ready(f"{missed} ticks were missed, and the robot came to rest")

    def _advance(
        self, reference: Reference | None, now_ns: int, constraints: list[ActiveConstraint]
    ) -> None:
        """Move the command by a period."""
        arbiter, motion = self._arbiter, self._motion
        emergency = arbiter.mode == ControlMode.ESTOP
        if not motion.advance(reference, self._guidance.hand_speed, emergency, constraints):
            constraints.append(ActiveConstraint("invalid_command", "limiter", 0.0))
            arbiter.estop("the limiter gave an invalid command; this is a bug", now_ns)
        elif arbiter.mode == ControlMode.STOPPING and motion.is_still:
            arbiter.handle_event(ModeEvent.STOOD_STILL, f"standing still: {arbiter.reason}", now_ns)
        if self._tracking is not None:
            self._tracking.sent(self._clock.played_ns, motion.now.position)
