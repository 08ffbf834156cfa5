"""What `vla replay --offline` writes beside numbers: a page, files for Rerun and Foxglove."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from vla_core.contract.manifest import PolicyManifest
from vla_core.doctor.diagnosis import examine
from vla_core.errors import VlaError
from vla_core.metrics.listener import ReplayListener
from vla_core.recordings.sources.recording import Recording
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.event_log.logged_event import Writer
from vla_core.replay.event_log.rerun_file import RerunFile
from vla_core.report.replay_notes import ReplayNotes
from vla_core.report.replay_report import write_replay_report
from vla_core.robot.model import RobotModel

REPORT = "report.html"


class ReplayFiles:
    """The page `report.html`, `--rrd` and `--foxglove`, all of one episode.

    Args:
        args: of the command line.
        recording: what is replayed. With several episodes nothing is written unless one is chosen.

    Raises:
        VlaError: there is no such episode, none is chosen for a file that is asked for, or a file
            cannot be written.
    """

    def __init__(self, args: argparse.Namespace, robot: RobotModel, recording: Recording) -> None:
        self._args = args
        self._robot = robot
        self._has_commands = recording.has_commands
        self._episode = _chosen(args, recording.episode_names)
        self._notes = ReplayNotes()
        self._writers: list[Writer] = [self._notes]
        if args.rrd is not None:
            groups = {name: robot.group_indices(name) for name in robot.description.groups}
            self._writers.append(RerunFile(args.rrd, groups))
        if args.foxglove is not None:
            from vla_core.replay.event_log.foxglove_file import FoxgloveFile

            self._writers.append(FoxgloveFile(args.foxglove))

    def listeners(self, manifest: PolicyManifest) -> list[ReplayListener]:
        """Who is to be told of a replay with this policy."""
        if self._episode is None:
            return []
        cameras = [camera.name for camera in manifest.observation.cameras]
        return [EventRecorder(self._robot, cameras, self._has_commands, self._writers, self._episode)]

    def write_report(self, result: Mapping[str, Any]) -> Path | None:
        """The page, when the replay is over; None without an episode.

        Args:
            result: as in `offline.json`.
        """
        args = self._args
        if self._episode is None:
            return None
        try:
            episode = int(self._episode) if self._episode.isdecimal() else None
            diagnosis = examine(
                args.bag, args.robot, episode=episode, namespace=args.bag_namespace
            )
        except VlaError as error:
            diagnosis = str(error)
        path = args.out / REPORT
        created = datetime.now().strftime("%Y-%m-%d %H:%M")
        write_replay_report(
            path, self._episode, self._notes, result, self._robot, diagnosis, created
        )
        return path


def _chosen(args: argparse.Namespace, names: tuple[str, ...]) -> str | None:
    if args.report_episode is not None:
        if args.report_episode not in names:
            raise VlaError(
                f"--report-episode: got {args.report_episode!r}, {args.bag} has {_some(names)}"
            )
        return args.report_episode
    if len(names) == 1:
        return names[0]
    for option, path in (("--rrd", args.rrd), ("--foxglove", args.foxglove)):
        if path is not None:
            raise VlaError(f"{option}: say with --report-episode of which: {_some(names)}")
    return None


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 10 else f"{names[0]} to {names[-1]}"
