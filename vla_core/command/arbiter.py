"""Who commands the robot: the mode in force, what changes it, and what a change brings with it."""

from __future__ import annotations

from collections.abc import Collection

from vla_core.command.command import CommandSettings
from vla_core.command.commanded_motion import CommandedMotion
from vla_core.command.intake import Intake
from vla_core.command.late_ticks import LateTicks
from vla_core.command.other_commander import OtherCommander
from vla_core.command.paths import Paths
from vla_core.handover.handover import Handover, ModeChange
from vla_core.handover.modes import (
    Condition,
    ModeAnswer,
    ModeEvent,
    Request,
    find_transition,
    follows,
)
from vla_core.observation.joint_state import age_s
from vla_core.safety.emergency_button import EmergencyButton
from vla_core.safety.tracking import TrackingGuard
from vla_core.types import ControlMode

NO_TELEOP = "no teleoperation is served; start the command node with `teleop`"


class Arbiter:
    """Changes the mode as the table of transitions and its conditions allow.

    Args:
        settings: how many late ticks are put up with.
        joint_state_limit_s: oldest joint state with which a mode that moves may begin [s].
        intake, motion, paths: what begins, ends or is forgotten with a mode.
        button: the emergency stop.
        tracking: whether the robot is where it is commanded; None: nobody looks.
        handover: how an operator takes over; None: nobody can.

    Attributes:
        mode, reason, since_ns: who commands the robot, why, and since when.
        other_commander: somebody outside who commands it, too; None: nobody does.
    """

    def __init__(
        self,
        settings: CommandSettings,
        joint_state_limit_s: float,
        intake: Intake,
        motion: CommandedMotion,
        paths: Paths,
        button: EmergencyButton,
        tracking: TrackingGuard | None,
        handover: Handover | None,
    ) -> None:
        self.mode = ControlMode.IDLE
        self.reason = "started"
        self.since_ns = 0
        self.other_commander: OtherCommander | None = None
        self._joint_state_limit_s = joint_state_limit_s
        self._intake, self._motion, self._paths = intake, motion, paths
        self._button, self._tracking, self._handover = button, tracking, handover
        self._late_ticks = LateTicks(settings.late_ticks, settings.late_window_s)

    def request(
        self, asked: Request, now_ns: int, reason: str, only_from: Collection[ControlMode] = ()
    ) -> ModeAnswer:
        """Enter what follows when `asked` is asked for, or say why not.

        Args:
            only_from: modes in force in which it is asked for at all; empty: in every one.
        """
        if only_from and self.mode not in only_from:
            names = " or ".join(mode.name for mode in only_from)
            refusal = f"{asked.name} was asked for in {names} alone; {self.mode.name} is in force"
            return ModeAnswer(False, f"{refusal}: {self.reason}", self.mode)
        transition = find_transition(self.mode, asked)
        if isinstance(transition, str):
            return ModeAnswer(False, transition, self.mode)
        for condition in Condition:
            problem = self._unmet(condition, now_ns) if condition in transition.conditions else ""
            if problem:
                return ModeAnswer(False, f"{asked.name} refused: {problem}", self.mode)
        toward = asked if isinstance(asked, ControlMode) else None
        turns = transition.enters == ControlMode.BLEND and self._handover.toward != toward
        if transition.enters != self.mode or turns:
            self._enter(transition.enters, reason, now_ns, toward)
        return ModeAnswer(True, "", self.mode)

    def estop(self, reason: str, now_ns: int) -> None:
        """Enter ESTOP; the first reason is kept."""
        if self.mode != ControlMode.ESTOP:
            self._enter(ControlMode.ESTOP, reason, now_ns)

    def handle_event(self, event: ModeEvent, reason: str, now_ns: int) -> None:
        """Enter what the table says follows, if anything does."""
        transition = follows(self.mode, event)
        if transition is not None:
            toward = ControlMode.TELEOP if event is ModeEvent.STRAYED else None
            self._enter(transition.enters, reason, now_ns, toward)

    def apply(self, change: ModeChange, now_ns: int) -> str:
        """Change the mode; returns why that was refused, "" if it was not."""
        if isinstance(change.trigger, ModeEvent):
            self.handle_event(change.trigger, change.reason, now_ns)
            return ""
        return self.request(change.trigger, now_ns, change.reason).reason

    def watch(self, now_ns: int, late: bool) -> None:
        """Emergency stop, pace, tracking, other commanders: what ends any motion.

        Args:
            late: whether ticks were missed before this one.
        """
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
        if not problem and self.other_commander is not None:
            problem = str(self.other_commander)
        if not problem:
            return
        self.handle_event(ModeEvent.LOST, problem, now_ns)
        self._intake.drop_ready(problem)

    def watch_operator(self, now_ns: int) -> None:
        """Change the mode where the deadman, or the policy after a return, stays out."""
        if self._handover is not None:
            if (change := self._handover.watch(self.mode, now_ns)) is not None:
                self.apply(change, now_ns)

    def _enter(
        self, mode: ControlMode, reason: str, now_ns: int, toward: ControlMode | None = None
    ) -> None:
        """A mode begins; `toward` says where it leads, unless to itself."""
        if self._handover is not None:
            if self._handover.enter(self.mode, mode, toward or mode, reason, now_ns):
                self._intake.invalidate(now_ns)
            if mode == ControlMode.BLEND:
                self._handover.begin(self._motion.resting_position())
        if mode == ControlMode.IDLE:
            self._motion.end()
        elif mode == ControlMode.HOLD and self._motion.now is None:
            self._motion.start(self._intake.measured)
            if self._tracking is not None:
                self._tracking.forget()
        self._motion.release_brake()
        self._intake.ready.clear()
        self._paths.leave()
        end_ns = self._intake.timeline.end_ns
        if mode == ControlMode.POLICY and end_ns is not None and now_ns < end_ns:
            self._paths.policy.begin()
        self.mode, self.reason, self.since_ns = mode, reason, now_ns

    def _unmet(self, condition: Condition, now_ns: int) -> str:
        """Why `condition` does not hold; "" when it does."""
        if condition == Condition.STANDING_STILL:
            return "" if self._motion.is_still else "the command is still moving"
        if condition == Condition.ESTOP_RELEASED:
            return self._button.problem(now_ns)
        if condition == Condition.ALONE:
            return str(self.other_commander or "")
        if condition == Condition.TRACKS:
            return "" if self._tracking is None else self._tracking.problem
        if condition in (Condition.OPERATOR_HOLDS, Condition.OPERATOR_RELEASED):
            if self._handover is None:
                return NO_TELEOP
            return self._handover.why_not(condition == Condition.OPERATOR_HOLDS, now_ns)
        measured, limit_s = self._intake.measured, self._joint_state_limit_s
        if measured is None:
            lacking = self._intake.lacking(now_ns)
            return f"{lacking}; is the robot up, and its topic right?"
        if condition == Condition.JOINT_STATE_FRESH:
            old_s = age_s(measured.stamp_ns, now_ns)
            if old_s <= limit_s:
                return ""
            lacking = self._intake.lacking(now_ns)
            missing = f": {lacking}" if lacking else ""
            return f"joint state is {old_s:.3f} s old, limit {limit_s} s{missing}"
        return self._motion.why_not_start(measured)
