"""The messages of a bag, as many as can be read, and what could not be.

MCAP files are scanned from their beginning, so one without an end or with broken chunks gives what
it has. SQLite files and ROS 1 bags are read by `rosbags` and end at the first fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from vla_core.doctor.decode import Logged
from vla_core.recordings.bags.bag import BagError
from vla_core.recordings.bags.mcap_scan import Loss, McapError, McapScan

_SUFFIXES = (".mcap", ".db3")
_CDR = "cdr"


class BagSource:
    """A bag on disk; goes through it once.

    Args:
        path: folder of a rosbag2, one of its files, or a ROS 1 bag.

    Attributes:
        losses: what could not be read, so far.
        problems: what is wrong with the description of the bag, `metadata.yaml`.
        other_middleware: topics whose messages are not in CDR, and what they are in.
        fraction: read of the bag, so far.

    Raises:
        BagError: there is nothing that could be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.losses: list[Loss] = []
        self.problems: list[str] = []
        self.other_middleware: dict[str, str] = {}
        self.fraction = 0.0
        self._expected: dict[str, int] = {}
        self._whole = False
        self._files = self._find_files()

    def messages(self) -> Iterator[Logged]:
        """Every message that can be read, in CDR."""
        counts: Counter[str] = Counter()
        for number, file in enumerate(self._files):
            for logged in self._file_messages(file, number):
                counts[logged.topic] += 1
                if logged.encoding == _CDR:
                    yield logged
                else:
                    self.other_middleware[logged.topic] = logged.encoding
        self.fraction = 1.0
        for topic, expected in self._expected.items():
            if counts[topic] < expected and not self.losses:
                self.losses.append(
                    Loss(None, f"metadata.yaml counts {expected} messages of {topic}, "
                         f"{counts[topic]} are there")
                )  # fmt: skip

    def _find_files(self) -> list[Path]:
        if not self.path.exists():
            raise BagError(f"{self.path}: there is no such file or folder")
        if not self.path.is_dir():
            return [self.path]
        there = sorted(file for file in self.path.iterdir() if file.suffix in _SUFFIXES)
        information = self._metadata()
        if information is None:
            if not there:
                raise BagError(
                    f"{self.path}: holds no .mcap, .db3 or metadata.yaml. Give the folder of a "
                    "rosbag2 or of a LeRobot data set, or a ROS 1 .bag."
                )
            return there
        if str(information.get("compression_mode") or "none").lower() != "none":
            self._whole = True  # rosbags unpacks it
            return [self.path]
        named = [self.path / Path(name).name for name in information["relative_file_paths"]]
        missing = [file.name for file in named if not file.is_file()]
        if missing:
            self.losses.append(Loss(None, f"metadata.yaml names {', '.join(missing)}: not there"))
        files = [file for file in named if file.is_file()] or there
        if not files:
            raise BagError(f"{self.path}: metadata.yaml names {', '.join(missing)}: not there")
        return files

    def _metadata(self) -> dict[str, Any] | None:
        """What `metadata.yaml` says; None, and a problem, where it says nothing usable."""
        path = self.path / "metadata.yaml"
        if not path.is_file():
            self.problems.append(
                "there is no metadata.yaml: its files are read in the order of their names"
            )
            return None
        try:
            information = yaml.safe_load(path.read_text())["rosbag2_bagfile_information"]
            for topic in information["topics_with_message_count"]:
                described = topic["topic_metadata"]
                self._expected[described["name"]] = int(topic["message_count"])
                if described["serialization_format"] != _CDR:
                    self.other_middleware[described["name"]] = described["serialization_format"]
            if not isinstance(information["relative_file_paths"], list):
                raise TypeError("relative_file_paths is no list")
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else ""
            self._expected = {}
            self.problems.append(
                f"metadata.yaml cannot be used ({type(error).__name__}: {reason}): the files "
                "beside it are read in the order of their names"
            )
            return None
        return information

    def _file_messages(self, file: Path, number: int) -> Iterator[Logged]:
        if file.suffix != ".mcap":
            yield from self._rosbags_messages(file, number)
            return
        try:
            scan = McapScan(file)
        except McapError as error:
            if len(self._files) == 1:
                raise BagError(str(error)) from error
            self.losses.append(Loss(None, str(error)))
            return
        for channel, log_ns, data in scan.messages():
            self._advance(number, scan.fraction)
            yield Logged(
                channel.topic,
                channel.message_type,
                log_ns,
                data,
                channel.message_encoding,
                channel.schema_encoding,
                channel.definition,
            )
        self.losses += scan.losses

    def _rosbags_messages(self, file: Path, number: int) -> Iterator[Logged]:
        store = get_typestore(Stores.ROS2_JAZZY)
        read, last_ns = 0, None
        try:
            with AnyReader([file], default_typestore=store) as reader:
                for connection, log_ns, raw in reader.messages():
                    read, last_ns = read + 1, log_ns
                    self._advance(number, read / max(1, reader.message_count))
                    if not reader.is2:  # of a type that ROS 2 has not, only the time counts
                        known = connection.msgtype in store.fielddefs
                        raw = store.ros1_to_cdr(raw, connection.msgtype) if known else b""
                    encoding = getattr(connection.ext, "serialization_format", _CDR)
                    definition = connection.msgdef
                    yield Logged(
                        connection.topic,
                        connection.msgtype,
                        log_ns,
                        bytes(raw),
                        encoding,
                        "ros2msg" if definition.format.name == "MSG" else "ros2idl",
                        definition.data,
                    )
        except Exception as error:  # rosbags raises whatever broken bytes lead to
            reason = f"{file.name}: {str(error) or type(error).__name__}"
            if not read and len(self._files) == 1:
                raise BagError(f"{file}: cannot be read ({error})") from error
            after = f"; what came after {read} messages is lost" if read else ""
            self.losses.append(Loss(last_ns, reason + after))

    def _advance(self, number: int, fraction: float) -> None:
        self.fraction = (number + fraction) / len(self._files)
