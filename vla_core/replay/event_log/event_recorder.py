"""Tells the writers what happens in one episode of a replay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.command.command import Command
from vla_core.contract.intent_view import ForeseenFeatures, ShownIntent
from vla_core.errors import VlaError
from vla_core.foresight.change_map import cosine_distance
from vla_core.metrics.listener import ReplayListener, TrueFuture
from vla_core.observation.joint_states import JointStates
from vla_core.recordings.sources.recording import Event, ImageCame, JointStateCame
from vla_core.replay.event_log.constraint_spans import ConstraintSpans
from vla_core.replay.event_log.foresight_pictures import ForesightPictures
from vla_core.replay.event_log.logged_event import (
    INTENT_NUMBERS,
    ChunkJoined,
    JointSource,
    JointsAt,
    LoggedEvent,
    Measured,
    ModeEntered,
    PictureSeen,
    Refused,
    Writer,
)
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode, LatentIntent, Observation


class EventRecorder(ReplayListener):
    """Turns what a replay tells into events, for every writer the same.

    Pictures, joints, intents and chunks have the time of their stamps; modes, constraints and what
    is refused that of the control tick. Nothing is kept but for what waits for its end or future.

    Args:
        robot: whose joints they are.
        cameras: of the policy, in its order.
        has_commands: whether the recording holds what the robot was told.
        writers: who writes.
        episode: name of the only one to tell of; None: the first.
    """

    def __init__(
        self,
        robot: RobotModel,
        cameras: Sequence[str],
        has_commands: bool,
        writers: Sequence[Writer],
        episode: str | None = None,
    ) -> None:
        self._robot = robot
        self._cameras = tuple(cameras)
        self._has_commands = has_commands
        self._writers = tuple(writers)
        self._episode = episode
        self._telling = self.told = False
        self._begun = False
        self._mode = ControlMode.IDLE
        self._joints = JointStates(robot.joint_names)
        self._pictures: dict[str, PictureSeen] = {}
        self._foresight = ForesightPictures()
        self._spans = ConstraintSpans()
        self._lanes: list[int] = []

    def began(self, episode: str) -> None:
        """Tell of it if it is the one."""
        self._joints.restart()
        self._telling = not self.told and self._episode in (None, episode)
        self.told |= self._telling
        self._begun = False

    def came(self, event: Event, build_s: float) -> None:
        """Pictures and measured joints."""
        if not self._telling:
            return
        self._at(event.now_ns)
        if isinstance(event, ImageCame):
            picture = PictureSeen(event.stamp_ns, event.camera, event.pixels)
            self._pictures[event.camera] = picture
            self._tell(picture)
            self._measured(event.now_ns, "image_decoding", 1e3 * event.decode_s)
            self._measured(event.now_ns, "alignment", 1e3 * build_s)
        elif isinstance(event, JointStateCame):
            try:
                state = self._joints.take(
                    event.names, event.position, event.velocity, event.stamp_ns
                )
            except VlaError:
                return  # told as refused
            if state is not None:
                self._tell(JointsAt(state.stamp_ns, JointSource.MEASURED, state.position))

    def observed(self, seen: Observation) -> None:
        """Its skew."""
        self._measured(seen.stamp_ns, "skew", 1e3 * seen.skew_s)

    def intended(self, seen: Observation, intent: LatentIntent) -> None:
        """Keep the pictures until its future is known."""
        self._measured(seen.stamp_ns, "system2", 1e3 * intent.compute_s)
        if not self._telling:
            return
        pictures = {
            camera: self._pictures[camera].pixels
            if camera in self._pictures
            else seen.images[camera]
            for camera in self._cameras
        }
        self._foresight.intended(pictures)

    def came_true(
        self, intent: LatentIntent, shown: ShownIntent, future: TrueFuture | None
    ) -> None:
        """Show present, foresight and future."""
        if not self._telling:
            return
        stamp_ns = intent.observation_stamp_ns
        for name, value in shown.numbers.items():
            self._measured(stamp_ns, f"{INTENT_NUMBERS}{name}", value)
        if shown.features is not None:
            self._distances(stamp_ns, shown.features, None if future is None else future.features)
        for foreseen in self._foresight.came_true(intent, shown, future):
            self._tell(foreseen)

    def _distances(
        self, stamp_ns: int, features: ForeseenFeatures, truth: np.ndarray | None
    ) -> None:
        current, predicted = features.current, features.predicted
        distances = {"foreseen_change": (predicted, current)}
        if truth is not None:
            distances |= {"true_change": (truth, current), "foresight_error": (predicted, truth)}
        for series, (these, others) in distances.items():
            self._measured(stamp_ns, series, float(cosine_distance(these, others).mean()))

    def acted(self, seen: Observation, intent: LatentIntent, chunk: ActionChunk) -> None:
        """How long it took."""
        self._measured(seen.stamp_ns, "system1", 1e3 * chunk.compute_s)

    def joined(self, chunk: ActionChunk, now_ns: int, gap: np.ndarray | None) -> None:
        """A chunk, and how far it is from what was planned."""
        if not self._telling:
            return
        targets = self._robot.to_canonical(chunk.joint_names, chunk.targets, "a chunk")
        step_ns = round(chunk.step_s * NANOSECONDS)
        begin_ns = chunk.observation_stamp_ns
        end_ns = begin_ns + step_ns * (chunk.horizon - 1)
        lane = next((i for i, end in enumerate(self._lanes) if end < begin_ns), len(self._lanes))
        self._lanes[lane : lane + 1] = [end_ns]
        self._tell(ChunkJoined(now_ns, begin_ns, step_ns, lane, targets))
        if gap is not None:
            self._measured(now_ns, "gap", float(np.abs(gap).max()))

    def refused(self, now_ns: int, source: str, problem: str) -> None:
        """Something was not taken."""
        if self._telling:
            self._at(now_ns)
            self._tell(Refused(now_ns, source, problem))

    def commanded(self, command: Command, took_s: float) -> None:
        """A command, and what changed it."""
        if not self._telling:
            return
        self._at(command.stamp_ns)
        status, now_ns = command.status, command.stamp_ns
        if status.mode != self._mode:
            self._mode = status.mode
            self._tell(ModeEntered(now_ns, status.mode))
        if command.position.size:  # none before the first joint state
            self._tell(JointsAt(now_ns, JointSource.REPLAYED, command.position))
        self._measured(now_ns, "command_tick", 1e3 * took_s)
        if command.execution.step >= 0:
            self._measured(now_ns, "intent_age", 1e3 * status.ages_s["intent"])
            self._measured(now_ns, "path_slowdown", 1.0 - command.execution.pace.speed)
        for span in self._spans.tick(now_ns, status.constraints):
            self._tell(span)

    def executed(self, stamp_ns: int, position: np.ndarray) -> None:
        """What the recorded robot was told."""
        if self._telling and self._has_commands:
            self._tell(JointsAt(stamp_ns, JointSource.RECORDED, position))

    def ended(self) -> None:
        """Tell what was waiting, and end."""
        if not self._telling:
            return
        for event in (*self._foresight.rest(), *self._spans.rest()):
            self._tell(event)
        for writer in self._writers:
            writer.end()
        self._telling = False

    def _at(self, now_ns: int) -> None:
        """The first time that is told is the episode's begin."""
        if not self._begun:
            self._begun = True
            for writer in self._writers:
                writer.begin(now_ns, self._robot.joint_names)

    def _measured(self, time_ns: int, series: str, value: float) -> None:
        if self._telling:
            self._tell(Measured(time_ns, series, value))

    def _tell(self, event: LoggedEvent) -> None:
        for writer in self._writers:
            writer.write(event)
