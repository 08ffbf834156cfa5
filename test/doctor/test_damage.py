"""Every damage that is done to a good recording is found: its kind, its topic and its time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_recording import (
    CAMERA,
    COMMANDS,
    FRAMES,
    NAMES,
    RATE_HZ,
    ROBOT,
    STATES,
    contract,
    noise,
    places,
    positions,
    recording,
    time_s,
)

from vla_core.doctor.checks import Checks
from vla_core.doctor.events import Arrival, Joints
from vla_core.doctor.finding import Finding, Findings, Kind

EXAMPLES = settings(max_examples=5, deadline=None, derandomize=True)
BEGIN = st.integers(40, 80)
ARM_JOINT = st.integers(0, 13)


def findings(arrivals: Iterable[Arrival]) -> list[Finding]:
    """What the checks say of these messages; times since the first."""
    arrivals, found = list(arrivals), Findings()
    checks = Checks(contract(), found)
    for arrival in arrivals:
        checks.see(arrival)
    checks.finish()
    assert not found.untold
    start_ns = arrivals[0].log_ns
    return [
        replace(f, time_ns=f.time_ns - start_ns, end_ns=f.end_ns - start_ns) for f in found.found
    ]


def assert_found(
    found: list[Finding], kind: Kind, topic: str, begin_s: float, word: str = "", within_s=0.1
) -> None:
    matching = [f for f in found if f.kind is kind and f.topic == topic and word in f.text]
    assert matching, f"no {kind.value} of {topic} with {word!r} in {found}"
    assert any(abs(f.time_ns / 1e9 - begin_s) <= within_s for f in matching), matching


def kinds(found: list[Finding]) -> set[Kind]:
    return {f.kind for f in found}


def change(
    topic: str, begin: int, count: int, how: Callable[[int, Arrival], Arrival]
) -> list[Arrival]:
    """The recording with some messages of a topic, from frame `begin` on, changed."""
    arrivals = list(recording())
    for frame, place in enumerate(places(topic)):
        if begin <= frame < begin + count:
            arrivals[place] = how(frame, arrivals[place])
    return arrivals


def moved(arrival: Joints, joints: int | list[int], position: float | np.ndarray) -> Joints:
    """With some joints elsewhere."""
    positions_ = arrival.positions.copy()
    positions_[:, joints] = position
    return replace(arrival, positions=positions_)


def without(topic: str, frames: slice) -> list[Arrival]:
    dropped = set(places(topic)[frames])
    return [arrival for place, arrival in enumerate(recording()) if place not in dropped]


def test_a_good_recording_has_no_findings():
    assert findings(recording()) == []


@EXAMPLES
@given(topic=st.sampled_from([CAMERA, STATES]), begin=BEGIN, count=st.integers(2, 40))
def test_dropped_messages_are_a_gap(topic, begin, count):
    found = findings(without(topic, slice(begin, begin + count)))
    assert_found(found, Kind.GAP, topic, time_s(begin - 1))
    assert kinds(found) <= {Kind.GAP, Kind.SKEW}


@EXAMPLES
@given(begin=BEGIN, count=st.integers(10, 25))
def test_dropped_commands_are_a_gap(begin, count):
    found = findings(without(COMMANDS, slice(begin, begin + count)))
    assert_found(found, Kind.GAP, COMMANDS, time_s(begin - 1))


@pytest.mark.parametrize("topic", [CAMERA, STATES])
def test_a_topic_that_ends_early_is_a_gap_and_one_that_is_not_there_is_missing(topic):
    found = findings(without(topic, slice(120, None)))
    assert_found(found, Kind.GAP, topic, time_s(119), "before the recording's last")
    found = findings(without(topic, slice(None)))
    assert_found(found, Kind.MISSING_TOPIC, topic, 0.0, "the recording has none of it")


def test_every_third_picture_lost_is_irregular():
    assert kinds(findings(without(CAMERA, slice(1, None, 3)))) == {Kind.IRREGULAR}


@EXAMPLES
@given(topic=st.sampled_from([CAMERA, STATES, COMMANDS]), begin=BEGIN)
def test_swapped_messages_go_back_in_time(topic, begin):
    arrivals = list(recording())
    first, second = places(topic)[begin : begin + 2]
    one, other = arrivals[first], arrivals[second]
    arrivals[first] = replace(other, log_ns=one.log_ns)
    arrivals[second] = replace(one, log_ns=other.log_ns)
    found = findings(arrivals)
    assert_found(found, Kind.CLOCK_BACKWARDS, topic, time_s(begin + 1), "stamps go back by 0.033 s")


@EXAMPLES
@given(begin=BEGIN, jump_s=st.floats(0.3, 1000.0), forwards=st.booleans())
def test_a_clock_that_jumps_is_found_on_every_topic(begin, jump_s, forwards):
    jump_ns = round(jump_s * 1e9) * (1 if forwards else -1)
    found = findings(
        replace(arrival, stamp_ns=arrival.stamp_ns + jump_ns * (place >= 3 * begin))
        for place, arrival in enumerate(recording())
    )
    kind = Kind.CLOCK_FORWARDS if forwards else Kind.CLOCK_BACKWARDS
    for topic in (CAMERA, STATES, COMMANDS):
        assert_found(found, kind, topic, time_s(begin))
    assert kinds(found) == {kind}


@EXAMPLES
@given(begin=BEGIN, jump_s=st.floats(0.5, 100.0), forwards=st.booleans())
def test_a_recorder_whose_clock_jumps_is_found(begin, jump_s, forwards):
    jump_ns = round(jump_s * 1e9) * (1 if forwards else -1)
    found = findings(
        replace(arrival, log_ns=arrival.log_ns + jump_ns * (place >= 3 * begin))
        for place, arrival in enumerate(recording())
    )
    kind = Kind.CLOCK_FORWARDS if forwards else Kind.CLOCK_BACKWARDS
    for topic in (CAMERA, STATES, COMMANDS):
        moved_s = time_s(begin) + jump_ns / 1e9
        assert_found(found, kind, topic, moved_s, "the recorder's clock was set")


def test_a_message_that_comes_late_is_no_jump_of_a_clock():
    arrivals = list(recording())
    late = arrivals.pop(places(CAMERA)[60])
    arrivals.insert(3 * 70, replace(late, log_ns=late.log_ns + 320_000_000))
    found = findings(arrivals)
    assert_found(found, Kind.CLOCK_BACKWARDS, CAMERA, time_s(69), "or the order is wrong", 0.05)
    assert Kind.CLOCK_FORWARDS not in kinds(found)


def test_pictures_that_are_held_back_for_a_moment_are_late():
    held_ns = recording()[3 * 69].log_ns

    def hold(frame: int, arrival: Arrival) -> Arrival:
        return replace(arrival, log_ns=held_ns)

    found = findings(sorted(change(CAMERA, 60, 9, hold), key=lambda arrival: arrival.log_ns))
    assert_found(found, Kind.LATE, CAMERA, time_s(69), "0.300 s later after its stamp")
    assert kinds(found) == {Kind.LATE}


@EXAMPLES
@given(offset_s=st.floats(0.2, 2.0), ahead=st.booleans())
def test_a_camera_on_another_clock_is_found(offset_s, ahead):
    offset_ns = round(offset_s * 1e9) * (1 if ahead else -1)
    found = findings(
        change(CAMERA, 0, FRAMES, lambda _, p: replace(p, stamp_ns=p.stamp_ns + offset_ns))
    )
    if ahead:
        assert_found(found, Kind.CLOCK_FORWARDS, CAMERA, 0.0, "stamps run ahead")
    else:
        assert_found(found, Kind.SKEW, CAMERA, 0.0, "its stamps are off, or it is delayed")


@EXAMPLES
@given(begin=BEGIN, count=st.integers(1, 60))
def test_black_pictures_are_found_and_counted(begin, count):
    black = noise(0) // 32
    found = findings(change(CAMERA, begin, count, lambda _, p: replace(p, pixels=black)))
    assert_found(found, Kind.BLACK, CAMERA, time_s(begin), "black: mean brightness")
    assert next(f for f in found if f.kind is Kind.BLACK).count == count


@EXAMPLES
@given(begin=BEGIN, count=st.integers(8, 60))
def test_a_frozen_camera_is_found(begin, count):
    same = noise(begin)
    found = findings(change(CAMERA, begin, count, lambda _, p: replace(p, pixels=same)))
    assert_found(found, Kind.FROZEN, CAMERA, time_s(begin), "the same picture")
    assert kinds(found) == {Kind.FROZEN}


@EXAMPLES
@given(begin=BEGIN, height=st.integers(20, 47))
def test_a_picture_of_another_size_is_found(begin, height):
    small = noise(1, height, 64)
    found = findings(change(CAMERA, begin, 1, lambda _, p: replace(p, pixels=small)))
    words = f"64x{height} pixels, expected 64x48"
    assert_found(found, Kind.WRONG_SIZE, CAMERA, time_s(begin), words)


@EXAMPLES
@given(begin=BEGIN, joint=ARM_JOINT)
def test_a_stuck_joint_is_found_by_name(begin, joint):
    held = positions(time_s(begin))[joint]
    found = findings(change(STATES, begin, 50, lambda _, state: moved(state, joint, held)))
    assert_found(found, Kind.JOINT_STUCK, STATES, time_s(begin), NAMES[joint])
    assert all(f.text.startswith(NAMES[joint]) for f in found)


def test_a_finger_that_is_held_by_what_it_holds_is_not_stuck():
    found = findings(change(STATES, 40, 60, lambda _, state: moved(state, 20, 0.5)))
    assert Kind.JOINT_STUCK not in kinds(found)


@EXAMPLES
@given(begin=BEGIN, group=st.sampled_from(sorted(ROBOT.groups)), count=st.integers(1, 30))
def test_a_whole_group_that_reads_minus_one_is_found(begin, group, count):
    members = [NAMES.index(name) for name in ROBOT.groups[group]]
    found = findings(change(STATES, begin, count, lambda _, state: moved(state, members, -1.0)))
    assert_found(found, Kind.JOINTS_DROPPED, STATES, time_s(begin), f"all joints of {group}")
    assert kinds(found) == {Kind.JOINTS_DROPPED}


@EXAMPLES
@given(begin=BEGIN, joint=ARM_JOINT)
def test_a_joint_that_is_not_finite_or_jumps_is_found(begin, joint):
    found = findings(change(STATES, begin, 3, lambda _, s: moved(s, joint, float("nan"))))
    words = f"{NAMES[joint]} is not finite"
    assert_found(found, Kind.JOINTS_DROPPED, STATES, time_s(begin), words)

    def jump(frame: int, state: Joints) -> Joints:
        return moved(state, joint, state.positions[0][joint] + 0.8)

    found = findings(change(STATES, begin, 3, jump))
    assert_found(found, Kind.JOINT_JUMPED, STATES, time_s(begin), NAMES[joint])


@EXAMPLES
@given(pair=st.lists(st.integers(0, 25), min_size=2, max_size=2, unique=True), begin=BEGIN)
def test_permuted_names_are_found(pair, begin):
    names = list(NAMES)
    one, other = pair
    names[one], names[other] = names[other], names[one]
    for topic in (STATES, COMMANDS):
        found = findings(
            change(topic, begin, FRAMES, lambda _, state: replace(state, names=tuple(names)))
        )
        assert_found(found, Kind.JOINTS_PERMUTED, topic, time_s(begin), "another order")


def test_permuted_values_are_found_by_the_commands_that_they_follow():
    def permute(frame: int, state: Joints) -> Joints:
        return moved(state, [0, 3], state.positions[:, [3, 0]])

    found = findings(change(STATES, 0, FRAMES, permute))
    words = f"{NAMES[0]} that of {NAMES[3]}, {NAMES[3]} that of {NAMES[0]}"
    assert_found(found, Kind.JOINTS_PERMUTED, STATES, 0.0, words)


def test_a_missing_joint_is_found_by_name():
    def leave_out(frame: int, state: Joints) -> Joints:
        return replace(state, names=NAMES[1:], positions=state.positions[:, 1:])

    found = findings(change(STATES, 50, FRAMES, leave_out))
    assert_found(found, Kind.JOINTS_MISSING, STATES, time_s(50), f"missing {NAMES[0]}")


@EXAMPLES
@given(begin=BEGIN, joint=ARM_JOINT, above=st.booleans())
def test_a_command_outside_its_limits_is_found(begin, joint, above):
    limits = ROBOT.joints[joint]
    beyond = limits.upper + 0.05 if above else limits.lower - 0.05
    found = findings(change(COMMANDS, begin, 5, lambda _, c: moved(c, joint, beyond)))
    words = f"{limits.name} is commanded 0.050 beyond"
    assert_found(found, Kind.COMMAND_OUTSIDE_LIMITS, COMMANDS, time_s(begin), words)
    outside = next(f for f in found if f.kind is Kind.COMMAND_OUTSIDE_LIMITS)
    assert outside.value == pytest.approx(0.05) and outside.count == 5


def test_a_command_that_steps_is_too_fast():
    def step(frame: int, command: Joints) -> Joints:
        return moved(command, 2, command.positions[0][2] + 0.4)

    found = findings(change(COMMANDS, 60, FRAMES, step))
    assert_found(found, Kind.COMMAND_TOO_FAST, COMMANDS, time_s(60), NAMES[2])


def test_what_happens_all_the_time_is_told_once_with_its_end():
    black = noise(0) // 32
    found = findings(change(CAMERA, 0, FRAMES, lambda _, p: replace(p, pixels=black)))
    assert [(f.kind, f.count) for f in found] == [(Kind.BLACK, FRAMES)]
    assert found[0].end_ns == pytest.approx((FRAMES - 1) / RATE_HZ * 1e9, abs=1e6)
