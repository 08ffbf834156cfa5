"""Offline replay of a bag beside reading it with rosbags alone, in one run; memory along the way.

    .venv/bin/python benchmarks/replay.py BAG --minutes 30 --json out/replay_speed.json

The bag is gone through again and again until the minutes are full. The policy is `hold`, which
takes no time, so what is measured is reading, decoding, alignment, timeline and safety filter.
Reading alone leaves the pictures compressed; reading and decoding gives them as the camera node
gets them.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from vla_core.metrics.listener import ReplayListener
from vla_core.metrics.process_memory import proportional_memory_mb
from vla_core.observation.image_decoding import decode_compressed_image, decode_image
from vla_core.policies.baselines.hold import hold_policy
from vla_core.recordings.sources.bag_recording import BagRecording
from vla_core.recordings.sources.recording import Event, RecordedEpisode, UnreadableCame
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import write_measurement
from vla_core.types import NANOSECONDS, Observation


class RepeatedRecording:
    """A bag several times over, as one long episode on one clock."""

    instructions: tuple[str, ...] = ()

    def __init__(self, recording: BagRecording, times: int, period_ns: int) -> None:
        self._recording = recording
        self._times = times
        self._period_ns = period_ns
        self.frames = times * recording.frames
        self.has_commands = recording.has_commands

    def episodes(self) -> Iterator[RecordedEpisode]:
        """The one episode, with all turns in it."""
        yield RecordedEpisode("repeated", "", self._events())

    def _events(self) -> Iterator[Event]:
        for turn in range(self._times):
            later_ns = turn * self._period_ns
            (episode,) = self._recording.episodes()
            for event in episode.events:
                changes = {"now_ns": event.now_ns + later_ns}
                if not isinstance(event, UnreadableCame):
                    changes["stamp_ns"] = event.stamp_ns + later_ns
                yield replace(event, **changes)


class MemoryAlongTheWay(ReplayListener):
    """Proportional set size after each tenth of the frames [MB]."""

    def __init__(self, frames: int) -> None:
        self._every = max(1, frames // 10)
        self._seen = 0
        self.memory_mb: list[float] = []

    def observed(self, seen: Observation) -> None:
        """Counts, and measures after each tenth."""
        self._seen += 1
        if self._seen % self._every == 0:
            self.memory_mb.append(round(proportional_memory_mb(os.getpid()) or 0.0, 1))


def read_with_rosbags(bag: Path, times: int, decode: bool) -> float:
    """How long rosbags takes to read every message of a bag, `times` over [s].

    Args:
        decode: whether pictures are decoded too, as a replay decodes them.
    """
    started_s = time.perf_counter()
    for _ in range(times):
        with AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            for connection, _, raw in reader.messages():
                message = reader.deserialize(raw, connection.msgtype)
                if decode and connection.msgtype.endswith("/CompressedImage"):
                    decode_compressed_image(message)
                elif decode and connection.msgtype.endswith("/Image"):
                    decode_image(message)
    return time.perf_counter() - started_s


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bag", type=Path)
    parser.add_argument("--robot", default="g1_bottle")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    robot = RobotModel.load(args.robot)
    recording = BagRecording(args.bag, robot, list(robot.cameras))
    with AnyReader([args.bag], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        period_ns = reader.duration + NANOSECONDS // 30
    times = max(1, round(args.minutes * 60 * NANOSECONDS / period_ns))
    repeated = RepeatedRecording(recording, times, period_ns)
    memory = MemoryAlongTheWay(repeated.frames)
    seconds = {
        "reading": read_with_rosbags(args.bag, times, decode=False),
        "reading and decoding": read_with_rosbags(args.bag, times, decode=True),
    }
    replay = OfflineReplay(robot, hold_policy(robot), OfflineSettings("stay"))
    result = replay.run(repeated, listeners=[memory])
    seconds["offline replay"] = result["wall_s"]
    speeds = {name: repeated.frames / taken for name, taken in seconds.items()}
    for name, speed in speeds.items():
        share = speed / speeds["reading"]
        print(f"{name:22} {speed:9.1f} frames/s   {share:6.3f} of reading alone")
    print(f"{result['times_real_time']:.2f} times real time; MB: {memory.memory_mb}")
    for stage, times_ms in result["latency_ms"].items():
        if isinstance(times_ms, dict):
            print(f"{stage:22} p50 {times_ms['p50']:.3f} ms   p99 {times_ms['p99']:.3f} ms")
    if args.json:
        summary = {
            "frames": repeated.frames,
            "frames_per_s": speeds,
            "times_real_time": result["times_real_time"],
            "memory_mb": memory.memory_mb,
            "latency_ms": result["latency_ms"],
        }
        write_measurement(args.json, summary)


if __name__ == "__main__":
    main()
