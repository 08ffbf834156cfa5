"""`python -m vla_suite_server ADDRESS`: answers at a socket until it is asked to close.

It ends when the process that started it does, too.
"""

from __future__ import annotations

import os
import sys
import traceback

import zmq

from vla_suite_server.server import Server
from vla_suite_server.wire import pack, unpack

#: How often it looks whether who started it is still there [ms].
_LOOK_MS = 1000


def main(address: str) -> int:
    """Answer requests; what fails is answered with its traceback."""
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.connect(address)
    server, parent = Server(), os.getppid()
    while True:
        if not socket.poll(_LOOK_MS):
            if os.getppid() != parent:
                return 1
            continue
        request = unpack(socket.recv_multipart())
        try:
            answer = pack(server.answer(request))
        except Exception:  # noqa: BLE001  whatever it is, the other side says it
            answer = pack({"failed": traceback.format_exc()})
        socket.send_multipart(answer)
        if request["do"] == "close":
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
