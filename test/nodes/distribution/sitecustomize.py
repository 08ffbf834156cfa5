"""Makes rclpy that of a distribution, in every process that finds this folder.

`rclpy.init` returns what `RCLPY_INIT` says: `none`, as before Kilted, or `context manager`. A
process tells when its node is made. The processes of a graph stand still, to be started cheaply.
"""

import os
import signal
import sys

GRAPH_PROCESS = "--ros-args" in sys.argv or "--ros-args" in sys.orig_argv


def _returning(init, kind):
    def as_before(**arguments):
        init(**arguments)

    return as_before if kind == "none" else init


def _telling(make):
    def made(node, *arguments, **options):
        make(node, *arguments, **options)
        print("a node is made", flush=True)

    return made


if kind := os.environ.get("RCLPY_INIT"):
    if GRAPH_PROCESS:
        while True:
            signal.pause()
    import rclpy
    import rclpy.node

    rclpy.init = _returning(rclpy.init, kind)
    rclpy.node.Node.__init__ = _telling(rclpy.node.Node.__init__)
