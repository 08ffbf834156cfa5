"""The command core along a recorded motion, which does not follow it.

In a replay the robot did what it did: it does not follow the commands that are computed now. The
core is told the recording's joint states, with their own stamps, so freshness is judged as on the
robot. Each observation is the recording's, too, so each new chunk begins near the recorded motion
and pulls the command back to it: the command strays from the recording by no more than a policy
differs from it until its next chunk. Limits, distances, braking and stops are what they would have
been for chunks like these along the recorded motion.

Three things of the core would judge the robot for not following, and say nothing here:

- the tracking error (command against measurement) is not watched;
- the command may start wherever the recording does, moving or not;
- no heartbeat of the emergency stop is expected.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.errors import ChunkError
from vla_core.metrics.listener import ReplayListener
from vla_core.recordings.sources.recording import JointStateCame
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode, Pace

_ANYWHERE = 1e6
_NEXT_MODE = {ControlMode.IDLE: ControlMode.HOLD, ControlMode.HOLD: ControlMode.POLICY}


class OpenLoopExecutor:
    """Takes chunks and recorded joint states, and decides commands that go nowhere.

    To the `SteppedInference` it is an executor; its ticks are told no measurements, which come when they
    were recorded.

    It asks for POLICY whenever it is in HOLD, as a person would who wants the policy to go on; an
    emergency stop, which only a defect of the limiter brings about here, ends the commands.

    Args:
        robot: what is commanded.
        safety: of the robot; made once, used by one episode after the other.
        listener: told of every chunk, refusal and command.

    Attributes:
        period_s: time between two commands [s].
        per_radian: `(dof,)` how much of each joint's unit is 1 rad.
    """

    def __init__(
        self, robot: RobotModel, safety: CommandSafety | None, listener: ReplayListener
    ) -> None:
        self.per_radian = robot.limits.per_radian
        self.period_s = 1.0 / robot.description.command.rate_hz
        if safety is not None:
            far = np.full(robot.dof, _ANYWHERE)
            safety = replace(
                safety, tracking_slow=far, tracking_stop=2 * far, estop_heartbeat_s=0.0
            )
        settings = CommandSettings(
            period_s=self.period_s, start_tolerance=_ANYWHERE, start_speed=_ANYWHERE
        )
        self._core = CommandCore(robot.limits, settings, safety=safety)
        self._listener = listener

    @property
    def timeline(self) -> ChunkTimeline:
        """The core's."""
        return self._core.timeline

    @property
    def pace(self) -> Pace:
        """The core's."""
        return self._core.pace

    def on_joint_state(self, state: JointStateCame) -> None:
        """Tell the core where the recorded robot was."""
        problem = self._core.on_joint_state(
            state.names, state.position, state.velocity, state.stamp_ns, state.now_ns
        )
        if problem:
            self._listener.refused(state.now_ns, "command core", problem)

    def on_chunk(self, chunk: ActionChunk, now_ns: int) -> None:
        """Give a chunk to the core.

        Raises:
            ChunkError: the core refuses it.
        """
        due_ns = _first_due_ns(chunk, now_ns)
        before = self.timeline.sample(due_ns)
        if problem := self._core.on_chunk(chunk, now_ns):
            self._listener.refused(now_ns, "command core", problem)
            raise ChunkError(problem)
        after = self.timeline.sample(due_ns)
        known = before is not None and after is not None
        self._listener.joined(chunk, now_ns, after.position - before.position if known else None)

    def tick(self, now_ns: int) -> None:
        """Decide the command for now."""
        started_s = time.perf_counter()
        while (wanted := _NEXT_MODE.get(self._core.mode)) is not None:
            if not self._core.request_mode(wanted, now_ns, "replay").accepted:
                break
        command = self._core.tick(now_ns)
        self._listener.commanded(command, time.perf_counter() - started_s)


def _first_due_ns(chunk: ActionChunk, now_ns: int) -> int:
    """When the first target of a chunk that is still to be reached is due, later than now."""
    stamp_ns, step_ns = chunk.observation_stamp_ns, chunk.step_s * NANOSECONDS
    steps = max(0, math.floor((now_ns - stamp_ns) / step_ns))
    while (due_ns := stamp_ns + round(steps * step_ns)) <= now_ns:
        steps += 1
    return due_ns
