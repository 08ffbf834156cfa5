"""A rosbag2 folder that is written while it grows, and can be read whenever its process dies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mcap.writer import CompressionType, Writer

from vla_core.errors import VlaError
from vla_core.recordings.bags.whole_mcap import WholeFile

_VERSION = 9
_CDR = "cdr"
#: Name of the MCAP metadata record that holds the provenance.
LABEL = "vla"
#: A chunk ends once it holds so much, however short the time was [bytes].
_LARGEST_CHUNK = 8 << 20


class RecordedTopic(NamedTuple):
    """A topic to record.

    Attributes:
        definition: of its message type and those in it, as `ros2msg`.
        type_hash: of its type as ROS 2 tells it (REP 2011), `RIHS01_…`.
    """

    name: str
    message_type: str
    definition: str
    type_hash: str


class Attachment(NamedTuple):
    """A file inside the file."""

    name: str
    media_type: str
    data: bytes


class RecordedMessage(NamedTuple):
    """A serialised message: when it was received and sent [ns], CDR."""

    topic: str
    log_ns: int
    publish_ns: int
    data: bytes


class BagWriter:
    """Writes a folder with one MCAP file and `metadata.yaml`.

    A message is on its way to the disk at most `flush_s` after it was taken, if `flush_if_due` is
    called meanwhile: what this process took before is there even if it is killed.

    Args:
        folder: is made; must not exist.
        created_ns: now, on the log's clock [ns].
        flush_s: longest time that a message waits in memory [s].
        provenance: what the recording came from, by key.
        attachments: files that describe it.

    Attributes:
        counts: messages taken, by topic.

    Raises:
        VlaError: the folder cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        created_ns: int,
        flush_s: float = 0.5,
        provenance: Mapping[str, str] = {},
        attachments: Sequence[Attachment] = (),
    ) -> None:
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise VlaError(f"{folder}: cannot be made ({error.strerror})") from error
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self._file = f"{folder.name}_0.mcap"
        self._flush_ns = round(flush_s * 1e9)
        self._provenance = dict(provenance)
        self._topics: dict[str, RecordedTopic] = {}
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._first_ns = self._last_ns = created_ns
        self._pending_since_ns: int | None = None
        self._closed = False
        self._output = WholeFile(folder / self._file)
        self._mcap = Writer(
            self._output, chunk_size=_LARGEST_CHUNK, compression=CompressionType.NONE
        )
        self._mcap.start("ros2", LABEL)
        if provenance:
            self._mcap.add_metadata(LABEL, self._provenance)
        for attachment in attachments:
            self._mcap.add_attachment(created_ns, created_ns, *attachment)
        self.flush()

    def __contains__(self, topic: str) -> bool:
        """Whether a topic has been added."""
        return topic in self._channels

    def add_topic(self, topic: RecordedTopic) -> None:
        """Add a topic; before its first message."""
        self._topics[topic.name] = topic
        if topic.message_type not in self._schemas:
            self._schemas[topic.message_type] = self._mcap.register_schema(
                topic.message_type, "ros2msg", topic.definition.encode()
            )
        self._channels[topic.name] = self._mcap.register_channel(
            topic.name, _CDR, self._schemas[topic.message_type], {"offered_qos_profiles": ""}
        )

    def write(self, message: RecordedMessage) -> None:
        """Take a message; messages come in the order of their log times."""
        if not self.counts:
            self._first_ns = message.log_ns
        self._last_ns = message.log_ns
        self.counts[message.topic] += 1
        if self._pending_since_ns is None:
            self._pending_since_ns = message.log_ns
        channel = self._channels[message.topic]
        self._mcap.add_message(channel, message.log_ns, message.data, message.publish_ns)

    def flush_if_due(self, now_ns: int) -> None:
        """Flush once the first pending message has waited for `flush_s`."""
        since_ns = self._pending_since_ns
        if since_ns is not None and now_ns - since_ns >= self._flush_ns:
            self.flush()

    def flush(self) -> None:
        """Write what is pending.

        Raises:
            VlaError: the disk does not take it.
        """
        self._mcap.flush()
        self._pending_since_ns = None
        self._write_metadata()

    def close(self) -> None:
        """Flush, and add the index; twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self._mcap.finish()
        self._output.close()
        self._write_metadata()

    def _write_metadata(self) -> None:
        """`metadata.yaml` as rosbag2 writes it; JSON is YAML, and much faster to write."""
        span = {
            "starting_time": {"nanoseconds_since_epoch": self._first_ns},
            "duration": {"nanoseconds": self._last_ns - self._first_ns},
            "message_count": self.counts.total(),
        }
        described = {
            "version": _VERSION,
            "storage_identifier": "mcap",
            "relative_file_paths": [self._file],
            **span,
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic.name,
                        "type": topic.message_type,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": [],
                        "type_description_hash": topic.type_hash,
                    },
                    "message_count": self.counts[topic.name],
                }
                for topic in self._topics.values()
            ],
            "compression_format": "",
            "compression_mode": "",
            "files": [{"path": self._file, **span}],
            "custom_data": self._provenance or None,
            "ros_distro": "",
        }
        part = self.folder / "metadata.yaml.part"
        try:
            part.write_text(json.dumps({"rosbag2_bagfile_information": described}, indent=1) + "\n")
            part.replace(self.folder / "metadata.yaml")
        except OSError as error:
            raise VlaError(f"{part}: cannot be written ({error.strerror})") from error
