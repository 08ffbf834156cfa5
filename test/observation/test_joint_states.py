"""Joint states of a whole robot out of partial messages, by name, with ages."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from vla_core.errors import JointMismatchError, ObservationError
from vla_core.observation.joint_states import JointStates

MS = 1_000_000
ARM, HAND = ("shoulder", "elbow"), ("finger", "thumb")
ALL = ARM + HAND


def motion(names: tuple[str, ...], at_ms: float) -> list[float]:
    """Every joint at a speed of its own [unit/s]."""
    return [0.1 + (1 + ALL.index(name)) * at_ms / 1000 for name in names]


def feed(states: JointStates, messages: list[tuple[float, tuple[str, ...]]]) -> list:
    """The whole states that messages of `motion` make."""
    made = []
    for at_ms, names in messages:
        state = states.take(names, motion(names, at_ms), [], round(at_ms * MS))
        made += [state] if state is not None else []
    return made


def merged(arm_ms: float, hand_ms: float, shift_ms: float) -> list[tuple[float, tuple[str, ...]]]:
    """Messages of two publishers over 1 s, as they come."""
    arm = [(100 + at, ARM) for at in np.arange(0, 1000, arm_ms)]
    hand = [(100 + shift_ms + at, HAND) for at in np.arange(0, 1000, hand_ms)]
    return sorted(arm + hand)


@pytest.mark.parametrize("rates_ms", [(10, 20), (20, 10), (10, 10), (2, 33), (33, 2)])
@pytest.mark.parametrize("shift_ms", [0.0, 3.0, 7.7])
def test_every_state_is_of_one_time_whatever_the_publishers_rates(rates_ms, shift_ms):
    states = feed(JointStates(ALL), merged(*rates_ms, shift_ms))
    assert len(states) >= 1000 / max(rates_ms) - 2
    stamps = [state.stamp_ns for state in states]
    assert stamps == sorted(set(stamps))
    for state in states:
        if state.stamp_ns < (100 + shift_ms + max(rates_ms)) * MS:
            continue  # until each has told twice, one does not know where the others were before
        assert state.position == pytest.approx(motion(ALL, state.stamp_ns / MS), abs=1e-9)


@pytest.mark.parametrize("order", list(permutations(ALL)))
def test_a_whole_message_is_ordered_by_name_and_given_at_once(order):
    """Joints of another robot in it are ignored."""
    values = [*motion(order, 100), 9.0]
    state = JointStates(ALL).take((*order, "wheel"), values, [], 100 * MS)
    assert state.stamp_ns == 100 * MS and state.position.tolist() == motion(ALL, 100)


def test_a_state_is_as_old_as_the_publisher_that_fell_silent():
    states = JointStates(ALL)
    made = feed(states, merged(10, 10, 0.0) + [(1100 + at, ARM) for at in range(0, 500, 10)])
    assert made[-1].stamp_ns == 1090 * MS
    assert states.lacking() == "finger, thumb (2 of 4 joints): last told 0.50 s ago"
    assert states.lacking(2090 * MS) == (
        "shoulder, elbow, finger, thumb (4 of 4 joints): last told 1.00 s ago"
    )
    (again,) = feed(states, [(1600, HAND)])
    assert again.stamp_ns == 1590 * MS and states.lacking() == ""


def test_what_never_came_is_named():
    states = JointStates(ALL)
    assert states.lacking() == "no joint state of this robot has come"
    assert feed(states, []) == [] and states.take(["wheel"], [1.0], [], MS) is None
    assert states.lacking() == "no joint state of this robot has come; what came names wheel"
    assert feed(states, [(100, ARM), (110, ARM)]) == []
    assert states.lacking() == "no value of finger, thumb has come (2 of 4 joints)"


UNKNOWN = {
    "none": lambda names: [],
    "fewer than names": lambda names: [0.0] * (len(names) - 1),
    "more than names": lambda names: [0.0] * (len(names) + 1),
    "not a number": lambda names: [np.nan] * len(names),
    "one not a number": lambda names: [np.nan, *[7.0] * (len(names) - 1)],
}


@pytest.mark.parametrize("how", UNKNOWN)
@pytest.mark.parametrize("parts", [(ALL,), (ARM, HAND)])
def test_a_velocity_that_is_not_told_is_derived(how, parts):
    states = JointStates(ALL)
    for at_ms in range(100, 400, 10):
        for names in parts:
            state = states.take(names, motion(names, at_ms), UNKNOWN[how](names), at_ms * MS)
    assert state.velocity == pytest.approx([1, 2, 3, 4], rel=1e-6)
    assert states.derived == 30


@pytest.mark.parametrize("parts", [(ALL,), (ARM, HAND)])
def test_a_velocity_that_is_told_is_kept(parts):
    states = JointStates(ALL)
    for at_ms in (100, 110):
        for names in parts:
            told = [float(ALL.index(name)) for name in names]
            state = states.take(names, motion(names, at_ms), told, at_ms * MS)
    assert state.velocity.tolist() == [0, 1, 2, 3] and states.derived == 0


@pytest.mark.parametrize("names", [ALL, ARM])
def test_what_is_no_joint_state_is_refused_and_changes_nothing(names):
    states = JointStates(ALL)
    good = motion(names, 100)
    for position, stamp_ns, problem in (
        (good[:-1], MS, "4 names|2 names"),
        ([*good[:-1], np.nan], MS, "not finite"),
        ([*good[:-1], "x"], MS, "no arrays of numbers"),
        (good, 0, "its stamp is empty"),
    ):
        with pytest.raises(ObservationError, match=problem):
            states.take(names, position, [], stamp_ns)
    with pytest.raises(JointMismatchError, match="twice"):
        states.take((*names, names[0]), [*good, 0.0], [], MS)
    assert states.lacking() == "no joint state of this robot has come"


def test_a_part_that_is_older_than_the_one_before_is_refused():
    states = JointStates(ALL)
    feed(states, merged(10, 10, 0.0))
    with pytest.raises(ObservationError, match="0.090 s older than the one before of finger"):
        feed(states, [(1000, HAND)])
    states.restart()
    assert len(feed(states, [(1000, HAND), (1000, ARM)])) == 1


def test_who_told_all_joints_and_now_some_goes_on():
    states = feed(JointStates(ALL), [(100, ALL), (110, ARM), (112, HAND), (120, ALL)])
    assert [state.stamp_ns // MS for state in states] == [100, 110, 120]
