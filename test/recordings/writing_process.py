"""Writes messages as fast as it can, and says on stdout which it has taken; to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from vla_core.recordings.bags.bag_writer import BagWriter, RecordedMessage, RecordedTopic

TOPIC = "/numbers"
TYPE = RecordedTopic(TOPIC, "std_msgs/msg/ByteMultiArray", "byte[] data", "")


def main() -> None:
    bag = BagWriter(Path(sys.argv[1]), time.monotonic_ns(), flush_s=float(sys.argv[2]))
    bag.add_topic(TYPE)
    number = 0
    while True:
        now_ns = time.monotonic_ns()
        data = b"\0\1\0\0" + number.to_bytes(8, "little") * 500
        bag.write(RecordedMessage(TOPIC, now_ns, now_ns, data))
        bag.flush_if_due(now_ns)
        sys.stdout.write(f"{number} {now_ns}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main()
