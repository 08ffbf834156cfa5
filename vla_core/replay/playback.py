"""Which messages of a bag are due, on the bag's own clock: rate, pause, step, part, loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path

from vla_core.contract.manifest import PolicyManifest
from vla_core.observation.observation_builder import cameras_of
from vla_core.recordings.bags.bag import (
    Bag,
    BagError,
    BagMessage,
    joints_before_images,
    read_message,
    stamp_of,
    with_stamp,
)
from vla_core.recordings.bags.bag_namespace import namespace_in
from vla_core.recordings.bags.part import Part
from vla_core.recordings.sources.bag_recording import JOINT_STATE, input_topics
from vla_core.replay.play_clock import PlayClock
from vla_core.robot.description import RobotDescription
from vla_core.robot.topics import with_full_names
from vla_core.types import NANOSECONDS

#: Of the first moment, which is shown again and again until the play begins [ns].
LEAD_IN_NS = 3 * NANOSECONDS
_SHOWN_EVERY_NS = 25_000_000
#: So long after the first joint state the first one of another publisher is looked for [ns].
_PUBLISHERS_NS = 500_000_000
#: How long the clock stands at the end, and at the begin, of a loop: what is under way comes to its
#: end, and every node hears of the clock before it gets a message [ns].
_SETTLE_NS = 300_000_000


class Phase(Enum):
    """Where a play is."""

    FIRST_MOMENT = "first moment"
    """The first messages again and again, stamped by a clock that runs up to the begin."""
    PLAYING = "playing"
    PAUSED = "paused"
    TURNING = "turning"
    """Between the end and the begin of a loop."""
    ENDED = "ended"


class Playback:
    """Plays topics of a bag; `poll` says what is to be published now.

    The clock and every stamp are the recording's. Before its begin the first message of each topic
    is shown again and again, with stamps that run up to the begin, so that a graph can start on the
    first moment and goes over into the recording without a jump. It is paused there at first.

    Args:
        bag: what to play.
        topics: to be played, and their message types.
        pace: topic that a step is told by: the policy's first camera.
        part: of the bag.
        steady_ns: clock that is never set.

    Attributes:
        phase: where the play is.
        rate: times real time, from the begin on.
        loop: whether it begins anew at its end.
        loops: how often it did.
        begin_ns: time of the first moment on the recording's clock [ns].
        refused: what could not be read and was left out: newest problem, and how many.

    Raises:
        BagError: a topic has no message in this part.
    """

    def __init__(
        self,
        bag: Bag,
        topics: Mapping[str, str],
        pace: str,
        part: Part = Part(),
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        part.check(bag.duration_s)
        self._bag = bag
        self.topics = dict(topics)
        self._pace = pace
        self._part = part
        self._steady_ns = steady_ns
        self._first = _first_messages(bag, topics, part)
        self.begin_ns = min(first.received_ns for first in self._first)
        if part.from_s:
            self.begin_ns = bag.start_ns + round(part.from_s * NANOSECONDS)
        if self.begin_ns <= LEAD_IN_NS:
            raise BagError(
                f"{bag.path}: begins at {self.begin_ns / NANOSECONDS:g} s of its clock, expected "
                f"more than {LEAD_IN_NS / NANOSECONDS:g} s, which the first moment is shown before"
            )
        self._clock = PlayClock(self.begin_ns - LEAD_IN_NS, steady_ns)
        self._messages: Iterator[BagMessage] = iter(())
        self._next: BagMessage | None = None
        self._released = self._stepping = False
        self._frames_in_step = 0
        self._shown_ns = self._settled_ns = 0
        self._turned = False
        self.phase = Phase.FIRST_MOMENT
        self.rate = 1.0
        self.loop = False
        self.loops = 0
        self.refused: tuple[str, int] = ("", 0)

    @property
    def now_ns(self) -> int:
        """The recording's clock, as of the last `poll` [ns]."""
        return self._clock.now_ns

    @property
    def slipped_s(self) -> float:
        """How much longer the play took because this process was kept from running [s]."""
        return self._clock.slipped_s

    @property
    def duration_s(self) -> float:
        """Of the part that is played [s]."""
        return (self._part.to_s or self._bag.duration_s) - self._part.from_s

    @property
    def problems(self) -> list[str]:
        """What is wrong with the bag, and what of it is lost, as far as it is known by now."""
        return [f"{self._bag.path}: {problem}" for problem in self._bag.problems]

    def toggle(self) -> None:
        """Pause, or go on."""
        if self._released:
            self.pause()
        else:
            self.resume()

    def pause(self) -> None:
        """Stop the clock where it is; before the begin: stay at the first moment."""
        self._released = self._stepping = False
        if self.phase is Phase.PLAYING:
            self.phase = Phase.PAUSED

    def resume(self) -> None:
        """Begin, or go on."""
        self._released, self._stepping = True, False
        if self.phase is Phase.PAUSED:
            self.phase = Phase.PLAYING

    def step(self) -> None:
        """Play one picture of the pace topic and what comes until the next, then pause."""
        self.resume()
        self._stepping, self._frames_in_step = True, 0

    def poll(self) -> list[tuple[str, bytes]]:
        """Advance the clock.

        Returns:
            Topic and CDR of the messages that are due by `now_ns`, in order.

        Raises:
            BagError: the bag cannot be read on; the play has ended.
        """
        self._clock.rate = 1.0 if self.phase is Phase.FIRST_MOMENT else self.rate
        self._clock.running = self.phase in (Phase.FIRST_MOMENT, Phase.PLAYING)
        self._clock.advance()
        if self.phase is Phase.FIRST_MOMENT:
            return self._show_first()
        if self.phase is Phase.TURNING:
            self._turn()
        return self._due() if self.phase is Phase.PLAYING else []

    def _show_first(self) -> list[tuple[str, bytes]]:
        now_ns = self._clock.now_ns
        if now_ns >= self.begin_ns:
            if self._released:
                self._begin()
                return []
            now_ns = self.begin_ns - LEAD_IN_NS
            self._clock.set(now_ns)
            self._shown_ns = 0
        if now_ns - self._shown_ns < _SHOWN_EVERY_NS:
            return []
        self._shown_ns = now_ns
        return [
            (one.topic, with_stamp(one.data, stamp_of(one.data) + now_ns - one.received_ns))
            for one in self._first
        ]

    def _begin(self) -> None:
        self._clock.set(self.begin_ns)
        self._clock.slipped_s *= bool(self.loops)
        messages = self._bag.messages(self.topics, self._part.from_s, self._part.to_s)
        self._messages = joints_before_images(messages)
        self.phase = Phase.PLAYING
        self._take_next()

    def _due(self) -> list[tuple[str, bytes]]:
        due: list[tuple[str, bytes]] = []
        while self._next is not None and self._next.received_ns <= self._clock.now_ns:
            message = self._next
            if self._stepping and message.topic == self._pace:
                if self._frames_in_step:
                    self._clock.set(message.received_ns)
                    self.pause()
                    return due
                self._frames_in_step += 1
            if self._is_readable(message):
                due.append((message.topic, message.data))
            self._take_next()
        if self._next is None:
            self._end()
        return due

    def _take_next(self) -> None:
        try:
            self._next = next(self._messages, None)
        except BagError:
            self._next, self.loop = None, False
            self._end()
            raise

    def _is_readable(self, message: BagMessage) -> bool:
        """Whether every node can read it: what is broken ends a subscriber."""
        try:
            read_message(message)
        except BagError as error:
            self.refused = (str(error), self.refused[1] + 1)
            return False
        return True

    def _end(self) -> None:
        if self.loop:
            self.phase = Phase.TURNING
            self._settled_ns = self._steady_ns() + _SETTLE_NS
            self._turned = False
        else:
            self.phase = Phase.ENDED

    def _turn(self) -> None:
        """Stand at the end, then at the begin, then begin."""
        if self._steady_ns() < self._settled_ns:
            return
        if not self._turned:
            self._turned = True
            self._clock.set(self.begin_ns)
            self._settled_ns = self._steady_ns() + _SETTLE_NS
        elif self._released:
            self.loops += 1
            self._begin()


def open_playback(
    path: Path,
    robot: RobotDescription,
    policy: PolicyManifest,
    part: Part = Part(),
    namespace: str | None = None,
) -> Playback:
    """A play of what a policy needs of a robot; a step is a picture of the policy's first camera.

    Args:
        namespace: of the robot in the bag; None: the only one that it can be.

    Raises:
        VlaError: the bag cannot be read or lacks a topic, or the robot a camera.
    """
    bag = Bag(path)
    robot = with_full_names(robot, namespace_in(path, bag.topics, robot, namespace))
    cameras = cameras_of(robot.cameras, policy)
    topics = input_topics(robot, cameras, policy.observation.cameras)
    bag.require(topics)
    bag.choose_clock(topics)
    return Playback(bag, topics, cameras[0].topic, part)


def _first_messages(bag: Bag, topics: Mapping[str, str], part: Part) -> list[BagMessage]:
    """First messages of each topic; joint states go first, so that an image finds them."""
    found = [first for topic in topics for first in _first_of(bag, topic, topics[topic], part)]
    return sorted(found, key=lambda message: "Image" in message.message_type)


def _first_of(bag: Bag, topic: str, kind: str, part: Part) -> list[BagMessage]:
    """The first message; of joint states one of each publisher, who tells joints of its own.

    Raises:
        BagError: there is none, or it cannot be read.
    """
    found: dict[tuple[str, ...], BagMessage] = {}
    for message in bag.messages([topic], part.from_s, part.to_s):
        begin_ns = next(iter(found.values()), message).received_ns
        if message.received_ns - begin_ns > _PUBLISHERS_NS:
            break
        fields = read_message(message)
        found.setdefault(tuple(fields.name) if kind == JOINT_STATE else (), message)
        if kind != JOINT_STATE:
            break
    if not found:
        raise BagError(
            f"{bag.path}: no message of {topic} from {part.from_s:g} s to "
            f"{part.to_s or bag.duration_s:g} s"
        )
    return list(found.values())
