"""At the rate of its source every row has its own picture, whatever the clocks do below a period."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vla_core.recordings.bags.bag import Bag
from vla_core.recordings.convert.frames import Frame, frames_of
from vla_core.recordings.convert.spans import Span, spans_of
from vla_core.recordings.sources.bag_recording import BagRecording
from vla_core.recordings.sources.recording import CommandCame, Event, ImageCame, JointStateCame
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

REAL = Path(__file__).parents[3] / "shared" / "data" / "bags" / "g1_ep10"
BEGIN_NS = 1_700_000_000 * NANOSECONDS
COUNT = 400


def came(times_ns: np.ndarray, kind: str) -> list[Event]:
    """Event k carries the number k."""
    made = []
    for number, now_ns in enumerate(np.sort(times_ns).tolist()):
        value = np.array([float(number)])
        if kind == "picture":
            made.append(ImageCame(now_ns, now_ns, "head", np.array([number])))
        elif kind == "state":
            made.append(JointStateCame(now_ns, now_ns, ("joint",), value, value))
        else:
            made.append(CommandCame(now_ns, now_ns, value))
    return made


def in_time(*streams: list[Event]) -> Iterator[Event]:
    """All of them, behind a command: without any there is no action to take down."""
    first = CommandCame(0, 0, np.array([-1.0]))
    return iter([first, *sorted((e for s in streams for e in s), key=lambda e: e.now_ns)])


def rows(events: Iterator[Event], rate_hz: float, spans: list[Span] | None = None) -> list[Frame]:
    """Frames; where nothing is commanded, the robot is asked to be where it is."""
    spans, events = spans or [Span(0, None, "do")], list(events)
    if not any(isinstance(event, CommandCame) for event in events):
        states = [event for event in events if isinstance(event, JointStateCame)]
        asked = [CommandCame(state.now_ns, state.now_ns, state.position) for state in states]
        events = list(in_time(events, asked))
    return [frame for _, frame in frames_of(iter(events), spans, ["head"], rate_hz)]


def pictures(frames: list[Frame]) -> np.ndarray:
    return np.array([frame.pictures["head"][0] for frame in frames])


def steady(rate_hz: float, count: int = COUNT) -> np.ndarray:
    return BEGIN_NS + np.round(np.arange(count) * NANOSECONDS / rate_hz).astype(np.int64)


TICK_NS = {"exact": 1, "microseconds": 1_000, "milliseconds": 1_000_000}


@pytest.mark.parametrize("rate_hz", [5, 7, 10, 24, 30, 50])
@pytest.mark.parametrize("drift", [-0.004, -1e-4, 0.0, 1e-6, 0.004])
@pytest.mark.parametrize("tick", TICK_NS)
@pytest.mark.parametrize("jitter", [0.0, 1e-6, 0.2])
def test_at_its_sources_rate_every_row_has_its_own_picture(rate_hz, drift, tick, jitter):
    """Ties, rounded stamps, jitter of a fifth of a period, clocks that are off by 0.4 %."""
    rng = np.random.default_rng(int(rate_hz * 1e6 + drift * 1e7 + jitter * 1e3) + TICK_NS[tick])
    times_ns = steady(rate_hz * (1 + drift))
    times_ns += (rng.uniform(-jitter, jitter, COUNT) * NANOSECONDS / rate_hz).astype(np.int64)
    times_ns -= times_ns % TICK_NS[tick]
    states = came(times_ns, "state")  # a recorder that writes all at once: nothing but ties
    frames = rows(in_time(came(times_ns, "picture"), states), rate_hz)
    assert pictures(frames).tolist() == list(range(COUNT))
    assert [frame.position[0] for frame in frames] == list(range(COUNT))


@pytest.mark.parametrize("order", [("state", "picture"), ("picture", "state")])
def test_which_of_two_at_once_is_written_first_does_not_matter(order):
    streams = [came(steady(30), kind) for kind in order]
    assert pictures(rows(in_time(*streams), 30)).tolist() == list(range(COUNT))


@pytest.mark.parametrize("offset", [0.1, 0.5, 0.9])
def test_the_first_state_of_all_does_not_set_the_pace(offset):
    """Pictures do, wherever between two of them the states begin."""
    rng = np.random.default_rng(3)
    times_ns = steady(30) + rng.integers(-2_000_000, 2_000_000, COUNT)
    begin_ns = round((3 + offset) * NANOSECONDS / 30)
    states = came(steady(500, 6500) + begin_ns, "state")
    frames = rows(in_time(came(times_ns, "picture"), states), 30)
    assert np.all(np.diff(pictures(frames)) == 1)


@pytest.mark.parametrize(("source_hz", "rate_hz"), [(30, 10), (30, 15), (60, 30), (25, 5)])
def test_a_fraction_of_the_sources_rate_takes_every_nth(source_hz, rate_hz):
    rng = np.random.default_rng(source_hz)
    jitter = rng.integers(-3_000_000, 3_000_000, COUNT)
    events = in_time(came(steady(source_hz) + jitter, "picture"), came(steady(source_hz), "state"))
    assert set(np.diff(pictures(rows(events, rate_hz)))) == {source_hz // rate_hz}


@pytest.mark.parametrize(("source_hz", "rate_hz"), [(30, 20), (25, 30), (29, 30), (10, 30)])
def test_at_another_rate_rows_keep_the_time_and_take_what_came_nearest(source_hz, rate_hz):
    times_ns = steady(source_hz)
    states_ns = steady(200, round(200 * COUNT / source_hz))
    frames = rows(in_time(came(times_ns, "picture"), came(states_ns, "state")), rate_hz)
    assert len(frames) == pytest.approx(COUNT * rate_hz / source_hz, rel=0.01)
    state_s = np.array([frame.position[0] for frame in frames]) / 200
    shown_s = (times_ns[pictures(frames)] - BEGIN_NS) / NANOSECONDS
    late_s, early_s = 0.5 / rate_hz + 0.003, max(1 / source_hz - 0.5 / rate_hz, 0.5 / source_hz)
    assert (shown_s - state_s).max() <= late_s
    assert (state_s - shown_s)[state_s < shown_s[-1]].max() <= early_s + 0.003


def test_states_and_commands_are_those_nearest_to_the_row():
    events = in_time(
        came(steady(30), "picture"),
        came(steady(500, 7000) + 700_000, "state"),
        came(steady(200, 2800) + 1_000_000, "command"),
    )
    frames = rows(events, 30)
    at_s = np.arange(COUNT) / 30
    state_s = np.array([f.position[0] for f in frames[:COUNT]]) / 500 + 0.0007
    command_s = np.array([f.action[0] for f in frames[:COUNT]]) / 200 + 0.001
    assert np.abs(state_s - at_s).max() <= 0.00101
    assert np.abs(command_s - at_s).max() <= 0.00251


def test_a_gap_is_filled_with_the_nearest_and_time_goes_on():
    times_ns = np.delete(steady(30), np.s_[100:130])
    frames = rows(in_time(came(times_ns, "picture"), came(steady(100, 1400), "state")), 30)
    shown = pictures(frames)
    assert shown[99] == 99 and shown[130] == 100  # a second later, as it was
    assert set(shown[100:115]) == {99}


def test_spans_have_their_own_pictures_and_nothing_of_what_is_behind_their_end():
    period_ns = NANOSECONDS // 30
    spans = [
        Span(BEGIN_NS + 100 * period_ns, BEGIN_NS + 200 * period_ns, "first"),
        Span(BEGIN_NS + 300 * period_ns, None, "second"),
    ]
    events = in_time(came(steady(30), "picture"), came(steady(30), "state"))
    numbered = list(frames_of(events, spans, ["head"], 30))
    first = pictures([frame for number, frame in numbered if number == 0])
    second = pictures([frame for number, frame in numbered if number == 1])
    assert first[0] in (100, 101) and first[-1] in (199, 200) and np.all(np.diff(first) == 1)
    assert second[0] in (300, 301) and second[-1] == COUNT - 1 and np.all(np.diff(second) == 1)


def test_without_pictures_there_is_no_row():
    assert rows(in_time(came(steady(100), "state")), 30) == []


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real recording in {REAL}")
def test_no_picture_of_a_real_recording_is_repeated_or_skipped():
    """The grid was begun on an event, and a tie a fraction of a microsecond off fell either way."""
    robot = RobotModel.load("g1_bottle")
    (episode,) = BagRecording(REAL, robot, ["head"]).episodes()

    def numbered() -> Iterator[Event]:
        count = 0
        for event in episode.events:
            if isinstance(event, ImageCame):
                event = ImageCame(event.now_ns, event.stamp_ns, "head", np.array([count]))
                count += 1
            yield event

    frames = rows(numbered(), 30, spans_of(Bag(REAL), "Pick up the bottle."))
    assert pictures(frames).tolist() == list(range(290))
