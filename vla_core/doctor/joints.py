"""Are the measured joints those of the robot, in its order, alive and where they can be?

Thresholds were chosen on 63 real episodes of a humanoid (22,012 states at 30 Hz), none of which
has a finding: no arm joint repeats its value for longer than 0.8 s, while its command moves by at
most 0.012 rad; a hand that holds a bottle repeats it for 6.5 s, while the commands of its fingers
move by up to 0.44 of their range; the fastest step is 0.64 of the velocity limit on arms, 2.3 on
fingers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.doctor.contract import limits_of
from vla_core.doctor.events import Joints
from vla_core.doctor.finding import Findings, Kind
from vla_core.errors import VlaError
from vla_core.observation.joint_states import JointStates
from vla_core.robot.description import RobotDescription
from vla_core.types import NANOSECONDS

#: What many drivers report for a joint that does not answer.
_DROPPED = -1.0
_FEWEST_DROPPED = 3
#: A joint that repeats its value to the last bit for so long, while its command moves by so much.
#: Without commands nothing tells a stuck joint from one at rest: coarse encoders repeat, too.
_STUCK_S, _STUCK_COMMAND = 1.0, 0.03
#: A step faster than so many times the velocity limit, and so much more, is no motion.
_JUMP_SPEED, _JUMP = 4.0, 0.05
#: Past the URDF's limits by more than this share of their range is another joint, unit, or broken.
_OUTSIDE_SHARE = 0.1
#: Sets and orders of names that are remembered.
_MOST_ORDERS = 64


def names_problem(
    names: Sequence[str], expected: Sequence[str]
) -> tuple[Kind, float, str] | None:
    """What is wrong with the names of a message against the robot's, in canonical order."""
    missing = [name for name in expected if name not in names]
    twice = sorted({name for name in expected if list(names).count(name) > 1})
    if missing or twice:
        parts = [f"missing {', '.join(missing)}"] if missing else []
        parts += [f"given twice {', '.join(twice)}"] if twice else []
        text = f"joints {'; '.join(parts)}, of the robot's {len(expected)}"
        return Kind.JOINTS_MISSING, len(missing) or len(twice), text
    order = [name for name in names if name in set(expected)]
    moved = [(got, want) for got, want in zip(order, expected, strict=True) if got != want]
    if not moved:
        return None
    shown = ", ".join(f"{got} where {want} belongs" for got, want in moved[:3])
    more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
    text = f"joints come in another order than the robot's YAML: {shown}{more}"
    return Kind.JOINTS_PERMUTED, len(moved), text


class MeasuredJoints:
    """Looks at the joint states of one topic.

    Args:
        robot: None: unknown, its joints are then what the first message names.

    Attributes:
        count: whole states.
    """

    def __init__(self, robot: RobotDescription | None, findings: Findings) -> None:
        self._robot = robot
        self._limits = limits_of(robot) if robot else None
        self._findings = findings
        self._expected: tuple[str, ...] = robot.joint_names if robot else ()
        self._known: dict[tuple[str, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._states: JointStates | None = None
        self._partial_since_ns: int | None = None
        self._first: Joints | None = None
        self._previous: Joints | None = None
        self._still: _Still | None = None
        hands = {e.hand_group for e in robot.end_effectors.values()} if robot else set()
        #: Held by what they hold: that they do not move says nothing.
        self._fingers = np.array([j.group in hands for j in robot.joints] if robot else [], bool)
        self._groups = _groups(robot)
        self.count = 0

    @property
    def derived(self) -> int:
        """States whose velocity is not told, or not that of every joint."""
        return 0 if self._states is None else self._states.derived

    def see(self, message: Joints, command: np.ndarray | None) -> tuple[Joints | None, bool]:
        """Look at a message, which may hold some of the joints.

        Args:
            command: `(dof,)` newest command in canonical order; None before the first.

        Returns:
            The whole robot's state, in canonical order, that it makes; None where it makes none.
            And whether its positions are measurements.
        """
        self._first = self._first or message
        places, columns = self._places(message)
        state = self._whole(message)
        values = np.full(len(self._expected), np.nan)
        values[places] = message.positions[0][columns]
        if not np.isfinite(values[places]).all():
            place = int(places[np.argmin(np.isfinite(values[places]))])
            joint = self._expected[place]
            text = f"{joint} is not finite: {values[place]}"
            self._add(Kind.JOINTS_DROPPED, message, text, subject=joint)
            return None, False
        if self._find_dropped(message, values):
            self._previous = None
            self._still = None
            return state, False
        if state is None:
            return None, False
        position = state.positions[0]
        self._find_outside(state, position)
        self._find_jumps(state, position)
        self._find_stuck(state, position, command)
        self._previous = state
        return state, True

    def finish(self, end_ns: int, others: Sequence[str]) -> None:
        """Judge the whole.

        Args:
            others: topics with joint states that the robot's YAML does not name.
        """
        if self._states is None or self.count:
            return
        told = f"; {', '.join(others)} has joint states, too: is it missing in" if others else ""
        hint = f"{told} `joint_states.topics` of the robot's YAML?" if others else ""
        first = self._first
        self._findings.add(
            Kind.JOINTS_MISSING, first.topic, end_ns, self._states.lacking() + hint,
            since_ns=first.log_ns,
        )  # fmt: skip

    def _whole(self, message: Joints) -> Joints | None:
        """The state that the same class makes of messages live, in replays and conversions."""
        stamp_ns = message.log_ns if message.stamp_ns is None else message.stamp_ns
        given = (message.names, message.positions[0], message.velocity, max(1, stamp_ns))
        try:
            state = self._states.take(*given)
        except VlaError:  # a clock was set back, or a joint is named twice: told elsewhere
            self._states.restart()
            return None
        if state is None:
            self._partial_since_ns = self._partial_since_ns or message.log_ns
            if self.count and (lacking := self._states.lacking()):
                text = f"missing {lacking}"
                self._add(Kind.JOINTS_MISSING, message, text, since_ns=self._partial_since_ns)
            return None
        self._partial_since_ns = None
        self.count += 1
        return Joints(
            message.topic, message.message_type, message.log_ns, state.stamp_ns,
            self._expected, state.position[None],
        )  # fmt: skip

    def _places(self, message: Joints) -> tuple[np.ndarray, np.ndarray]:
        """Places of a message's joints in canonical order, and its columns."""
        if message.names not in self._known:
            if len(self._known) >= _MOST_ORDERS:
                self._known.clear()
            self._expected = self._expected or message.names
            self._states = self._states or JointStates(self._expected)
            there = [name for name in self._expected if name in message.names]
            if (problem := names_problem(message.names, there)) is not None:
                kind, value, text = problem
                self._add(kind, message, text, value)
            places = np.array([self._expected.index(name) for name in there], dtype=int)
            columns = np.array([message.names.index(name) for name in there], dtype=int)
            self._known[message.names] = places, columns
        return self._known[message.names]

    def _add(
        self,
        kind: Kind,
        message: Joints,
        text: str,
        value: float | None = None,
        subject: str = "",
        since_ns: int | None = None,
    ) -> None:
        self._findings.add(kind, message.topic, message.log_ns, text, value, subject, since_ns)

    def _find_dropped(self, state: Joints, position: np.ndarray) -> bool:
        """Joints that all read what a driver gives for no answer."""
        found = False
        for group, places in self._groups.items():
            places = places or range(len(position))
            gone = [self._expected[place] for place in places if position[place] == _DROPPED]
            if not gone or len(gone) < min(_FEWEST_DROPPED, len(places)):
                continue
            found = True
            all_ = "all" if len(gone) == len(places) else str(len(gone))
            text = f"{all_} joints of {group or 'the robot'} read {_DROPPED:g}: {', '.join(gone)}"
            self._findings.add(
                Kind.JOINTS_DROPPED, state.topic, state.log_ns, text, _DROPPED, subject=group
            )
        return found

    def _find_outside(self, state: Joints, position: np.ndarray) -> None:
        if self._limits is None:
            return
        limits = self._limits
        slack = _OUTSIDE_SHARE * (limits.hard_upper - limits.hard_lower)
        beyond = np.maximum(limits.hard_lower - position, position - limits.hard_upper)
        for place in np.flatnonzero(beyond > slack):
            name = self._expected[place]
            text = (
                f"{name} reads {position[place]:.3f}, the URDF ends at "
                f"{limits.hard_lower[place]:.3f} and {limits.hard_upper[place]:.3f}: another "
                "joint, another unit, or broken"
            )
            self._findings.add(
                Kind.JOINT_OUTSIDE_LIMITS,
                state.topic,
                state.log_ns,
                text,
                position[place],
                subject=name,
            )

    def _find_jumps(self, state: Joints, position: np.ndarray) -> None:
        if self._previous is None or self._limits is None:
            return
        step_s = state.seconds_since(self._previous)
        step = np.abs(position - self._previous.positions[0])
        limits = self._limits
        most = _JUMP_SPEED * limits.velocity * step_s + _JUMP * limits.per_radian
        for place in np.flatnonzero(step > most):
            name = self._expected[place]
            text = f"{name} moves by {step[place]:.3f} within {step_s:.3f} s"
            self._findings.add(
                Kind.JOINT_JUMPED, state.topic, state.log_ns, text, step[place], subject=name
            )

    def _find_stuck(self, state: Joints, position: np.ndarray, command: np.ndarray | None) -> None:
        if command is None:
            self._still = None
            return
        if self._still is None:
            self._still = _Still(position, command, state.log_ns)
        still = self._still
        still.add(position, command, state.log_ns)
        for_s = (state.log_ns - still.since_ns) / NANOSECONDS
        asked = still.highest - still.lowest
        stuck = (for_s >= _STUCK_S) & (asked > _STUCK_COMMAND * self._limits.per_radian) & ~self._fingers
        for place in np.flatnonzero(stuck):
            name = self._expected[place]
            text = (
                f"{name} repeats {position[place]:.4f} for {for_s[place]:.2f} s, while its command "
                f"moves by {asked[place]:.3f}"
            )
            self._findings.add(
                Kind.JOINT_STUCK,
                state.topic,
                state.log_ns,
                text,
                for_s[place],
                subject=name,
                since_ns=int(still.since_ns[place]),
            )


def _groups(robot: RobotDescription | None) -> dict[str, list[int]]:
    """Places of the joints, by group; one of all joints where no robot tells."""
    groups: dict[str, list[int]] = {} if robot else {"": []}
    for place, joint in enumerate(robot.joints if robot else ()):
        groups.setdefault(joint.group, []).append(place)
    return groups


class _Still:
    """Since when each joint has repeated its value, and its command's ends since; `(dof,)` each."""

    def __init__(self, position: np.ndarray, command: np.ndarray, now_ns: int) -> None:
        self.since_ns = np.full(len(position), now_ns, dtype=np.int64)
        self.lowest, self.highest = command.copy(), command.copy()
        self._position = position

    def add(self, position: np.ndarray, command: np.ndarray, now_ns: int) -> None:
        """Take in the next positions, and the newest command."""
        moved = position != self._position
        self._position = position
        self.since_ns[moved] = now_ns
        self.lowest = np.where(moved, command, np.minimum(self.lowest, command))
        self.highest = np.where(moved, command, np.maximum(self.highest, command))
