"""Breaks good bags in seeded ways, and runs every command that reads bags on them.

    .venv/bin/python test/replay/broken_bags.py --cases 1000

A command may refuse, or do what it can; it must neither raise nor hang.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1])]

from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2.enums import StoragePlugin
from rosbags.typesys import Stores, get_typestore
from swaying_robot import write_bag, write_robot

from vla_core.cli.main import main as vla
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import VlaError
from vla_core.policies.baselines.hold import hold_policy
from vla_core.recordings.bags.bag import Bag, read_message
from vla_core.replay.playback import Phase, open_playback
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel

FRAMES = 15
#: Longest time of one command [s].
LIMIT_S = 60
#: Of the bag player, 0.1 s of the recording each.
_POLLS = 200


class Outcome(NamedTuple):
    """What became of a case: exit code, and what was said; `bug` is a traceback."""

    code: int
    said: str
    bug: str = ""


class Setting(NamedTuple):
    """Good bags by name, a robot, and its policy."""

    folder: Path
    bags: dict[str, Path]
    robot: Path
    manifest: PolicyManifest


def set_up(folder: Path) -> Setting:
    """The same half second in every format."""
    robot = write_robot(folder)
    bags = {
        plugin.name.lower(): write_bag(folder / plugin.name.lower(), plugin, frames=range(FRAMES))
        for plugin in StoragePlugin
    }
    bags["ros1"] = _write_ros1(folder / "ros1.bag", bags["mcap"])
    manifest = hold_policy(RobotModel(load_robot(robot))).system1.manifest
    return Setting(folder, bags, robot, manifest)


def _write_ros1(path: Path, source: Path) -> Path:
    ros1, bag = get_typestore(Stores.ROS1_NOETIC), Bag(source)
    with Ros1Writer(path) as writer:
        connections = {
            topic: writer.add_connection(topic, info.message_type, typestore=ros1)
            for topic, info in bag.topics.items()
        }
        for message in bag.messages(bag.topics):
            fields = read_message(message)
            header = ros1.types["std_msgs/msg/Header"](0, fields.header.stamp, "")
            parts = [getattr(fields, name) for name in list(fields.__dataclass_fields__)[1:-1]]
            again = ros1.types[message.message_type](header, *parts)
            data = ros1.serialize_ros1(again, message.message_type)
            writer.write(connections[message.topic], message.received_ns, data)
    return path


# Damages: (file, random numbers) -> None.


def _truncate(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data))])


def _flip(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(rng.choice((1, 10, 200))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def _blank(file: Path, rng: random.Random) -> None:
    """A stretch of zeros or of noise."""
    data = bytearray(file.read_bytes())
    begin, length = rng.randrange(len(data)), rng.choice((8, 100, 5000))
    length = min(length, len(data) - begin)
    data[begin : begin + length] = bytes(length) if rng.random() < 0.5 else rng.randbytes(length)
    file.write_bytes(data)


def _cut_out(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    begin = rng.randrange(len(data))
    file.write_bytes(data[:begin] + data[begin + rng.choice((1, 50, 3000)) :])


def _empty(file: Path, rng: random.Random) -> None:
    file.write_bytes(b"")


def _wrong_magic(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(rng.randbytes(8) + data[8:])


def _noise(file: Path, rng: random.Random) -> None:
    """Nothing but the right beginning."""
    file.write_bytes(file.read_bytes()[: rng.choice((0, 8, 16, 100))] + rng.randbytes(3000))


def _unknown_type(file: Path, rng: random.Random) -> None:
    was = rng.choice((b"JointState", b"CompressedImage", b"sensor_msgs/msg", b"ros2msg", b"Header"))
    file.write_bytes(file.read_bytes().replace(was, was[:-2] + b"XX"))


def _middleware(file: Path, rng: random.Random) -> None:
    data = file.read_bytes().replace(b"\x03\x00\x00\x00cdr", b"\x03\x00\x00\x00xyz")
    file.write_bytes(data.replace(b"format: cdr", b"format: xyz"))


def _sqlite(file: Path, rng: random.Random) -> None:
    """A sound database that is no bag, or lacks something."""
    wish = rng.choice(("DROP TABLE messages", "DROP TABLE topics", "UPDATE messages SET data = 'x'",
                       "UPDATE messages SET topic_id = 77", "UPDATE messages SET timestamp = NULL",
                       "UPDATE topics SET type = 'none'", "UPDATE schema SET schema_version = 99",
                       "UPDATE topics SET serialization_format = 'xyz'",
                       "DELETE FROM messages WHERE rowid > 9", "DROP TABLE metadata"))  # fmt: skip
    if file.suffix != ".db3":
        _truncate(file, rng)
        return
    with sqlite3.connect(file) as database:
        try:
            database.execute(wish)
        except sqlite3.Error:
            database.execute("DELETE FROM messages")
    database.close()


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    _truncate, _truncate, _flip, _flip, _blank, _cut_out, _empty, _wrong_magic, _noise,
    _unknown_type, _middleware, _sqlite,
)  # fmt: skip
_METADATA = (
    ("message_count: 15", "message_count: many"), ("starting_time", "beginning"),
    ("version: 9", "version: 99"), ("relative_file_paths:", "relative_file_paths: x\nothers:"),
    ("storage_identifier: mcap", "storage_identifier: tape"), ("nanoseconds:", "nanoseconds: -"),
    ("serialization_format: cdr", "serialization_format: xyz"), ("rosbag2", "rosbag3"),
    ("CompressedImage", "CompressedVideo"), (".mcap", ".mcapp"), ("compression_mode: ''", "compression_mode: FILE"),
)  # fmt: skip


def break_bag(setting: Setting, seed: int) -> Path:
    """A copy of a bag with one damage, or none or an unusable metadata.yaml as well."""
    rng = random.Random(seed)
    name = rng.choice(sorted(setting.bags))
    source, target = setting.bags[name], setting.folder / "broken" / f"{name}{seed}"
    target.parent.mkdir(exist_ok=True)
    if source.is_file():
        target = Path(shutil.copy(source, target.with_suffix(".bag")))
        rng.choice(DAMAGES)(target, rng)
        return target
    shutil.copytree(source, target)
    file = next(file for file in sorted(target.iterdir()) if file.suffix in (".mcap", ".db3"))
    metadata = target / "metadata.yaml"
    choice = rng.random()
    if choice < 0.2:
        metadata.unlink()
    elif choice < 0.4:
        metadata.write_text(metadata.read_text().replace(*rng.choice(_METADATA)))
    elif choice < 0.45:
        _blank(metadata, rng)
    elif choice < 0.5:
        _truncate(metadata, rng)
    elif choice < 0.55:
        file.unlink()
    if file.exists() and rng.random() < 0.8:
        rng.choice(DAMAGES)(file, rng)
    return target if rng.random() < 0.8 or not file.exists() else file


def run(setting: Setting, command: str, bag: Path) -> Outcome:
    """One command on a bag."""
    out, said = setting.folder / "out", io.StringIO()
    shutil.rmtree(out, ignore_errors=True)
    robot = ("--robot", str(setting.robot))
    arguments = {
        "offline": ("replay", str(bag), "--offline", "--policy", "hold", "--out", str(out)),
        "doctor": ("doctor", str(bag)),
        "convert": ("convert", str(bag), str(out), "--instruction", "Lift the elbow."),
    }
    signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(LIMIT_S)
    try:
        with redirect_stdout(said), redirect_stderr(said):
            if command == "replay":
                return Outcome(_play(setting, bag, said), said.getvalue())
            return Outcome(vla([*arguments[command], *robot]), said.getvalue())
    except BaseException:  # noqa: BLE001  a bug, or SystemExit: both are looked for
        return Outcome(-1, said.getvalue(), traceback.format_exc())
    finally:
        signal.alarm(0)


def _hangs(number: int, frame: object) -> None:
    raise TimeoutError(f"longer than {LIMIT_S} s")


def _play(setting: Setting, bag: Path, said: io.StringIO) -> int:
    """What the bag player does, without a graph."""
    try:
        playback = open_playback(bag, load_robot(setting.robot), setting.manifest)
        playback.rate = 10.0
        playback.resume()
        steady_ns = 0

        def now_ns() -> int:
            nonlocal steady_ns
            steady_ns += 10_000_000
            return steady_ns

        playback._clock._steady_ns = now_ns
        for _ in range(_POLLS):  # it waits for a message whose time is broken, as it would live
            if playback.phase is Phase.ENDED:
                break
            playback.poll()
        print(*playback.problems, *playback.refused, file=said)
    except VlaError as error:
        print(error, file=said)
        return 2
    return 0


COMMANDS = ("offline", "replay", "doctor", "convert")
#: 1: of a recording that can be read nothing came, or the doctor has findings.
CODES = {"offline": {0, 1, 2}, "replay": {0, 2}, "doctor": {0, 1, 2}, "convert": {0, 1, 2}}


def main() -> None:
    """Run many cases; exit code 1 if one of them shows a bug."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    codes: Counter[tuple[str, int]] = Counter()
    bugs: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        setting = set_up(Path(folder))
        for seed in range(args.seed, args.seed + args.cases):
            bag = break_bag(setting, seed)
            for command in COMMANDS:
                outcome = run(setting, command, bag)
                codes[command, outcome.code] += 1
                if outcome.bug or (outcome.code == 2 and not outcome.said.strip()):
                    bugs[outcome.bug] += 1
                    if bugs[outcome.bug] == 1:
                        print(f"seed {seed}, {command}: {outcome.bug or 'nothing said'}", flush=True)
            shutil.rmtree(bag) if bag.is_dir() else bag.unlink(missing_ok=True)
    for (command, code), count in sorted(codes.items()):
        print(f"{command:8} exit code {code:2}: {count}")
    print(f"{args.cases} bags, {bugs.total()} bugs of {len(bugs)} kinds")
    sys.exit(bool(bugs))


if __name__ == "__main__":
    main()
