"""Playing a bag on its own clock: what is due when, at a rate, paused, by step, in part, in a loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from swaying_robot import (
    BEGIN_NS,
    CAMERA_TOPIC,
    COMPRESSED,
    FRAMES,
    JOINT_STATE,
    RATE_HZ,
    write_bag,
)

from vla_core.recordings.bags.bag import Bag, BagError, stamp_of
from vla_core.recordings.bags.part import Part
from vla_core.replay.playback import LEAD_IN_NS, Phase, Playback

MS = 1_000_000
TOPICS = {CAMERA_TOPIC: COMPRESSED, "/joint_states": JOINT_STATE}


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """Two seconds at 30 Hz."""
    return write_bag(tmp_path_factory.mktemp("bag") / "sway")


class Play:
    """A playback, and the steady clock that it is polled by."""

    def __init__(self, path: Path, part: Part = Part(), rate: float = 1.0, loop: bool = False):
        self.steady_ns = 0
        self.playback = Playback(Bag(path), TOPICS, CAMERA_TOPIC, part, lambda: self.steady_ns)
        self.playback.rate, self.playback.loop = rate, loop
        self.played: list[tuple[str, int, int]] = []
        self.clock: list[int] = []

    def run(self, ms: int, period_ms: int = 1) -> list[int]:
        """Poll for a time; numbers of the pictures that came."""
        begun = len(self.played)
        for _ in range(ms // period_ms):
            self.steady_ns += period_ms * MS
            for topic, data in self.playback.poll():
                self.played.append((topic, stamp_of(data), self.playback.now_ns))
            self.clock.append(self.playback.now_ns)
        return [
            round((stamp_ns - BEGIN_NS) * RATE_HZ / 1e9)
            for topic, stamp_ns, _ in self.played[begun:]
            if topic == CAMERA_TOPIC
        ]

    def begin(self) -> None:
        """Let the first moment run out."""
        self.playback.resume()
        while self.playback.phase is Phase.FIRST_MOMENT:
            self.run(1)
        self.played.clear()
        self.clock.clear()


def test_before_the_begin_the_first_moment_is_shown_with_stamps_that_run_up_to_it(path):
    play = Play(path)
    play.run(2 * LEAD_IN_NS // MS + 500)
    assert play.playback.phase is Phase.FIRST_MOMENT
    back = [after < before for before, after in zip(play.clock, play.clock[1:], strict=False)]
    assert sum(back) == 2
    assert all(0 <= now_ns - stamp_ns <= 1 * MS for _, stamp_ns, now_ns in play.played)
    assert max(play.clock) < BEGIN_NS
    topics = [topic for topic, _, _ in play.played]
    assert topics[::2] == ["/joint_states"] * len(topics[::2])  # an image finds its state
    play.played.clear()
    play.begin()
    assert play.run(100)[0] == 0


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
def test_messages_come_at_the_rate_and_never_before_the_clock(path, rate):
    play = Play(path, rate=rate)
    play.begin()
    assert play.run(round(1000 / rate)) in (list(range(30)), list(range(31)))
    assert all(stamp_ns <= now_ns for _, stamp_ns, now_ns in play.played)
    play.run(round(1200 / rate))
    assert play.playback.phase is Phase.ENDED
    assert len(play.played) == 2 * FRAMES


def test_paused_the_clock_stands_and_nothing_comes(path):
    play = Play(path)
    play.begin()
    play.run(480)
    play.playback.pause()
    play.run(5)
    stood_ns = play.playback.now_ns
    assert play.run(3000) == [] and play.playback.now_ns == stood_ns
    play.playback.resume()
    assert play.run(100)[0] == 15 and play.playback.now_ns == stood_ns + 100 * MS


def test_a_step_plays_one_picture_and_all_that_comes_until_the_next(path):
    play = Play(path)
    play.begin()
    play.run(480)
    play.playback.pause()
    for number in (15, 16, 17):
        play.playback.step()
        assert play.run(60) == [number]
        assert play.run(500) == [] and play.playback.phase is Phase.PAUSED
    assert sum(topic == CAMERA_TOPIC for topic, _, _ in play.played) == 18
    next_ns = BEGIN_NS + round(18 * 1e9 / RATE_HZ)
    assert play.playback.now_ns == next_ns
    play.playback.resume()
    assert play.run(100)[0] == 18


def test_only_the_part_asked_for_is_played(path):
    play = Play(path, Part(from_s=0.5, to_s=1.0))
    play.begin()
    assert play.run(3000) == list(range(15, 30))
    assert play.playback.phase is Phase.ENDED and play.clock[0] >= BEGIN_NS + 500 * MS


def test_a_loop_stands_at_its_end_and_at_its_begin_so_that_every_node_can_follow(path):
    play = Play(path, Part(to_s=0.2), loop=True)
    play.begin()
    numbers = play.run(2000)
    assert numbers[:12] == [*range(6), *range(6)] and play.playback.loops >= 1
    turn = next(k for k in range(1, len(play.clock)) if play.clock[k] < play.clock[k - 1])
    assert set(play.clock[turn : turn + 290]) == {BEGIN_NS}
    assert len(set(play.clock[turn - 290 : turn])) == 1
    play.playback.loop = False
    play.run(2000)
    assert play.playback.phase is Phase.ENDED


def test_paused_at_the_turn_of_a_loop_it_stays_at_the_begin(path):
    play = Play(path, Part(to_s=0.2), loop=True)
    play.begin()
    play.run(400)
    play.playback.pause()
    assert play.run(2000) == [] and play.playback.now_ns == BEGIN_NS
    play.playback.step()
    assert play.run(500) == [0] and play.playback.phase is Phase.PAUSED


def test_where_the_machine_does_not_let_it_run_the_clock_waits(path):
    play = Play(path)
    play.begin()
    before_ns = play.playback.now_ns
    play.run(500, period_ms=500)
    assert play.playback.now_ns - before_ns == 20 * MS
    assert play.playback.slipped_s == pytest.approx(0.48)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part(5.0), "from 5 s to 1.96667 s: expected 0 to 1.967 s"),
        (Part(1.0, 0.5), "from 1 s to 0.5 s"),
        (Part(1.951, 1.96), "no message of /head_camera/color/image_raw/compressed"),
    ],
)
def test_a_part_with_nothing_in_it_is_refused(path, part, words):
    with pytest.raises(BagError, match=words):
        Play(path, part)
