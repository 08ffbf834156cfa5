"""How every program of the suite begins and ends with ROS, whatever the distribution.

`rclpy.init` returns a context manager from Kilted on, and None before: neither is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import rclpy
from rclpy.exceptions import NotInitializedException
from rclpy.signals import uninstall_signal_handlers

#: What rclpy raises where its context has ended: RCLError and InvalidHandle, which are
#: RuntimeErrors; ValueError for clients and servers of actions.
_OF_NO_CONTEXT = (RuntimeError, ValueError, NotInitializedException)


@contextmanager
def ros(arguments: Sequence[str] | None = None) -> Iterator[None]:
    """ROS in this process, for as long as the `with` lasts.

    While it lasts, SIGINT and SIGTERM also shut the context down (rclpy's own handlers).

    Args:
        arguments: for ROS; None: those of the process.

    Raises:
        KeyboardInterrupt: the process was asked to end, and what was being done failed for it.
    """
    rclpy.init(args=None if arguments is None else list(arguments))
    try:
        yield
    except _OF_NO_CONTEXT:
        if rclpy.ok():
            raise
        raise KeyboardInterrupt from None
    finally:
        rclpy.try_shutdown()
        uninstall_signal_handlers()  # which try_shutdown does from Kilted on; twice does no harm
