"""Makes rclpy that of a distribution, `RCLPY_INIT`, in every process that finds this folder.

The processes of a graph stand still, to be started cheaply.
"""

import os
import signal
import sys

from rclpy_of import be_of

GRAPH_PROCESS = "--ros-args" in sys.argv or "--ros-args" in sys.orig_argv

if kind := os.environ.get("RCLPY_INIT"):
    if GRAPH_PROCESS:
        while True:
            signal.pause()
    be_of(kind)
