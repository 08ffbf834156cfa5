"""From what was recorded around a fault to its record: found, stopped, inside the limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vla_core.faults.catalogue import Expected, Fault, Kind
from vla_core.faults.command_monitor import Violation

#: Slower than this is standing still, for at least so long [rad/s], [s]. A simulated servo that
#: holds creeps by less.
STILL_SPEED, STILL_S = 0.03, 0.3
#: How a robot recovered that nobody helped.
BY_ITSELF = "by itself"
_NANOSECONDS_A_MS = 1e6
_JUST_BEFORE_NS = 500_000_000
#: The robot measures its own motion: what it does while it is the victim is not seen.
_ROBOT = "sim_robot_node"


@dataclass(frozen=True)
class Evidence:
    """Something that a part of the graph said: `constraint NAME`, `mode NAME: reason`,
    `diagnostics NODE: message` or `process NODE was ended by …`, and when [ns]."""

    time_ns: int
    text: str


@dataclass(frozen=True)
class Motion:
    """What the robot's joints did, measured by the robot itself.

    Attributes:
        time_ns: `(n,)` [ns].
        position, velocity: `(n, dof)` [rad], [rad/s].
    """

    time_ns: np.ndarray
    position: np.ndarray
    velocity: np.ndarray

    def speed_before(self, time_ns: int) -> float:
        """Fastest joint in the half second until a time [rad/s]: one that turns round moves."""
        window = (time_ns - _JUST_BEFORE_NS, time_ns)
        first, behind = np.searchsorted(self.time_ns, window, side="right")
        return float(np.abs(self.velocity[first:behind]).max(initial=0.0))


@dataclass(frozen=True)
class Standstill:
    """When the robot stood still, and the largest way of a joint until then [rad]."""

    time_ns: int
    travel_rad: float


@dataclass(frozen=True)
class Recovery:
    """How the robot came back to following the policy.

    Attributes:
        recovered: whether it did.
        how: what it took, in words.
        after_ms: from the end of the fault [ms]; None if it did not.
    """

    recovered: bool
    how: str
    after_ms: float | None


@dataclass(frozen=True)
class FaultRecord:
    """One line of the table and of the JSON.

    Attributes:
        fault, does: as in the catalogue.
        expected: in words.
        found_by: the first that found it; empty: nobody did.
        detected_ms: from the fault to that [ms].
        standstill_ms: from the fault to standstill [ms]; None: it did not stop, or could not be
            seen.
        travel_rad: largest way of a joint from the fault to standstill, or to the end of the fault
            where it did not stop [rad].
        speed_before: fastest joint in the half second before the fault [rad/s].
        outside_limits: every way in which commands left the limits at the robot's side.
        commands: how many commands were judged.
        recovered, recovery, recovered_ms: see `Recovery`.
        ok: whether all was as expected.
    """

    fault: str
    does: str
    expected: str
    found_by: str
    detected_ms: float | None
    standstill_ms: float | None
    travel_rad: float | None
    speed_before: float
    outside_limits: tuple[str, ...]
    commands: int
    recovered: bool
    recovery: str
    recovered_ms: float | None
    ok: bool

    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def first_found(fault: Fault, evidence: Sequence[Evidence], since_ns: int) -> Evidence | None:
    """The first evidence since the fault that names it, and was not there before."""
    before = {item.text for item in evidence if item.time_ns < since_ns}
    patterns = [re.compile(pattern) for pattern in fault.found_by]
    return next(
        (
            item
            for item in sorted(evidence, key=lambda item: item.time_ns)
            if item.time_ns >= since_ns
            and item.text not in before
            and any(pattern.match(item.text) for pattern in patterns)
        ),
        None,
    )


def standstill(motion: Motion, since_ns: int, until_ns: int) -> Standstill | None:
    """The first time since the fault from which the robot stands still for `STILL_S`."""
    still = np.abs(motion.velocity).max(axis=1, initial=0.0) < STILL_SPEED
    start_ns: int | None = None
    for time_ns, is_still in zip(motion.time_ns, still, strict=True):
        if time_ns < since_ns:
            continue
        if time_ns > until_ns:
            break
        start_ns = (int(time_ns) if start_ns is None else start_ns) if is_still else None
        if start_ns is not None and time_ns - start_ns >= STILL_S * 1e9:
            return Standstill(start_ns, travel(motion, since_ns, start_ns))
    return None


def travel(motion: Motion, since_ns: int, until_ns: int) -> float | None:
    """Largest way of a joint from where it was at `since_ns` [rad]; None without measurements."""
    inside = (motion.time_ns >= since_ns) & (motion.time_ns <= until_ns)
    if not inside.any():
        return None
    position = motion.position[inside]
    return float(np.abs(position - position[0]).max())


def judge(
    fault: Fault,
    begun_ns: int,
    ended_ns: int,
    motion: Motion,
    evidence: Sequence[Evidence],
    violations: Sequence[Violation],
    commands: int,
    recovery: Recovery,
) -> FaultRecord:
    """The record of one fault.

    Args:
        begun_ns, ended_ns: when it was injected and taken back [ns].
        motion, evidence: from before the fault to its end.
        violations, commands: of the commands at the robot's side, recovery included.
    """
    found = first_found(fault, evidence, begun_ns)
    unseen = fault.target == _ROBOT
    stood = None if unseen else standstill(motion, begun_ns, ended_ns)
    way = None if unseen else travel(motion, begun_ns, stood.time_ns if stood else ended_ns)
    said = [item for item in evidence if item.time_ns >= begun_ns]
    stopped = _stopped(fault, said)
    as_expected = {
        Expected.STOP: found is not None and (stood is not None or unseen),
        Expected.SAY: found is not None,
        Expected.STAY_STOPPED: found is not None
        and stood is not None
        and _latched(said)
        and recovery.how != BY_ITSELF,
        Expected.GO_ON: stopped is None,
        Expected.STAY_INSIDE: True,
    }[fault.expected]
    if fault.expected is Expected.GO_ON:  # nobody is to find anything: who has, is named
        found = stopped
    return FaultRecord(
        fault=fault.name,
        does=fault.does,
        expected=fault.expected.value,
        found_by=found.text if found else "",
        detected_ms=_ms(found.time_ns - begun_ns) if found else None,
        standstill_ms=_ms(stood.time_ns - begun_ns) if stood else None,
        travel_rad=None if way is None else round(way, 3),
        speed_before=round(motion.speed_before(begun_ns), 3),
        outside_limits=tuple(str(violation) for violation in violations),
        commands=commands,
        recovered=recovery.recovered,
        recovery=recovery.how,
        recovered_ms=recovery.after_ms,
        ok=as_expected and not violations and commands > 0 and recovery.recovered,
    )


def not_run(fault: Fault, reason: str) -> FaultRecord:
    """The record of a fault that could not be injected, or not be watched to its end."""
    return FaultRecord(
        fault=fault.name,
        does=fault.does,
        expected=fault.expected.value,
        found_by="",
        detected_ms=None,
        standstill_ms=None,
        travel_rad=None,
        speed_before=0.0,
        outside_limits=(),
        commands=0,
        recovered=False,
        recovery=reason,
        recovered_ms=None,
        ok=False,
    )


def _latched(said: Sequence[Evidence]) -> bool:
    """Whether ESTOP was entered, and no mode after it."""
    modes = [item.text for item in said if item.text.startswith("mode ")]
    return bool(modes) and all(text.startswith("mode ESTOP") for text in modes)


def _stopped(fault: Fault, said: Sequence[Evidence]) -> Evidence | None:
    """The first word of the command node's leaving POLICY or lacking something, or a complaint.

    A replay beside the robot takes the same processors: that inputs are late for a moment, which
    the constraints and the diagnostics say alike, is no sign that it was heard.
    """
    late = r"constraint \w+_stale|diagnostics \w+: waiting for "
    for item in said:
        if fault.kind is Kind.REPLAY and re.match(late, item.text):
            continue
        if re.match(r"mode |constraint \w+_stale|diagnostics ", item.text):
            return item
    return None


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / _NANOSECONDS_A_MS, 1)
