"""Runs instructions on the live graph with the simulated robot, watches, and writes the report.

Started by `vla demo`. The graph runs in processes of its own; this one only asks and listens.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from vla_core.errors import VlaError
from vla_core.evaluation.evaluate import episode_seeds
from vla_core.paths import policy_folder
from vla_core.policies.manifest import PolicyManifest
from vla_core.replay.episode_record import BestAndWorst, EpisodeRecord
from vla_core.replay.episode_video import write_video
from vla_core.replay.live_table import run_table
from vla_core.replay.process_memory import MemoryWatch
from vla_core.replay.report import ReportVideo, write_report
from vla_core.robot.load import load_robot
from vla_core.types import ControlMode
from vla_nodes import topics
from vla_nodes.episode_recorder import EpisodeRecorder
from vla_nodes.graph_observer import GraphError, GraphObserver, node_counts
from vla_nodes.live_status import LiveStatus
