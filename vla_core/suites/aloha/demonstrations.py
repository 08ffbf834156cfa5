"""Demonstrations by the scripted expert, through the robot's limits and its safety filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.observation.picture_size import squared
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.aloha.expert import CONTROL_S, Expert, ExpertFailed, Motion
from vla_core.suites.aloha.scene import AlohaScene
from vla_core.suites.aloha.tasks import TASKS, task_told
from vla_core.suites.aloha.world import CAMERAS
from vla_core.types import NANOSECONDS, ActionChunk

#: Frames a second, the benchmark's; how many an attempt may take; how long it is shown done [s].
RATE_HZ, LONGEST_STEPS, AFTER_SUCCESS_S = 50.0, 400, 0.3
#: A motion is sent anew so often, as a policy does it: what is old is not followed [s].
RENEWED_S = 0.2


class FilteredMotions:
    """Plays motions at a scene through the command node's own core, as a policy's chunks.

    Args:
        scene: whose robot moves.
        safety: of the robot; None: only its joints' limits are kept.
    """

    def __init__(self, scene: AlohaScene, safety: CommandSafety | None) -> None:
        self._scene = scene
        self._core = FilteredExecutor(scene.robot, safety)
        self._now_ns = self._chunks = 0

    def start(self, motion: Motion) -> None:
        """Begin a motion."""
        self._motion, self._passed_s, self._sent_ns = motion, 0.0, self._now_ns
        self._send()

    @property
    def going(self) -> bool:
        """Whether the motion has not come to its end; limits and filter may hold it up."""
        return self._progress_s < (len(self._motion) - 1) * CONTROL_S - 1e-6

    def step(self) -> np.ndarray:
        """One control step; the command at its end, `(dof,)`."""
        scene, core = self._scene, self._core
        if self.going and self._now_ns - self._sent_ns >= RENEWED_S * NANOSECONDS:
            self._send()
        for _ in range(round(CONTROL_S / core.period_s)):
            scene.set_targets(core.tick(self._now_ns, scene.position, scene.velocity))
            scene.step(core.period_s)
            self._now_ns += round(core.period_s * NANOSECONDS)
        return scene.targets

    @property
    def _progress_s(self) -> float:
        """How far along the motion the command is [s]."""
        since_s = (self._now_ns - self._sent_ns) / NANOSECONDS
        return self._passed_s + max(0.0, since_s - self._core.pace.lag_s)

    def _send(self) -> None:
        """What is left of the motion, as a chunk of now."""
        self._passed_s, self._sent_ns = self._progress_s, self._now_ns
        passed = int(self._passed_s / CONTROL_S + 1e-6)
        begun_s = self._passed_s - passed * CONTROL_S
        self._chunks += 1
        chunk = ActionChunk(
            sequence=self._chunks,
            observation_stamp_ns=self._now_ns - round(begun_s * NANOSECONDS),
            observation_sequence=self._chunks,
            intent_sequence=self._chunks,
            intent_stamp_ns=self._now_ns,
            step_s=CONTROL_S,
            joint_names=self._scene.robot.joint_names,
            targets=self._motion[passed:],
        )
        self._core.on_chunk(chunk, self._now_ns)


class AlohaDemonstrator:
    """Shows scenes of its own, one after the other.

    Args:
        robot: that does it.
        image_size: side of the pictures [pixels]; None: as the robot's YAML has them.
        cameras: that pictures are of; none where only success is asked for.
    """

    def __init__(
        self,
        robot: RobotModel,
        image_size: int | None = None,
        cameras: Sequence[str] = CAMERAS,
    ) -> None:
        self.scene = AlohaScene(robot)
        self._expert = Expert(self.scene)
        self._safety = CommandSafety.of(robot)
        self._image_size = image_size
        self._cameras = tuple(cameras)

    def demonstrate(self, seed: int, task: SuiteTask | None = None) -> Iterator[Episode]:
        """The scene of a seed, from the start to its strict success; no recoveries."""
        number = None if task is None else TASKS.index(task_told(task.instruction))
        self.scene.reset(seed, number)
        shown = self._record()
        if shown is not None and shown.success[-1]:
            yield shown

    def close(self) -> None:
        """Free the renderers."""
        self.scene.close()

    def _record(self) -> Episode | None:
        scene = self.scene
        images: dict[str, list[np.ndarray]] = {camera: [] for camera in self._cameras}
        position, action, success = [], [], []
        player = FilteredMotions(scene, self._safety)
        try:
            for _ in _steps(self._expert, player):
                for camera, frames in images.items():
                    frames.append(squared(scene.render(camera), self._image_size))
                position.append(scene.position)
                success.append(scene.success)
                action.append(player.step())
                if len(action) == LONGEST_STEPS or _lasted(success):
                    break
        except ExpertFailed:
            return None
        return Episode(
            {camera: np.stack(frames) for camera, frames in images.items()},
            np.stack(position),
            np.stack(action),
            scene.instruction.text,
            RATE_HZ,
            complete=success[-1],
            success=np.array(success),
        )


def attempt(scene: AlohaScene, safety: CommandSafety) -> Iterator[None]:
    """The expert acts in a scene that has been reset, through limits and filter.

    Gives back after each control step; ends where the expert fails.
    """
    player = FilteredMotions(scene, safety)
    try:
        for _ in _steps(Expert(scene), player):
            player.step()
            yield
    except ExpertFailed:
        return


def _steps(expert: Expert, player: FilteredMotions) -> Iterator[None]:
    """Once before each control step: all motions to their ends, then rest."""
    for motion in expert.motions():
        player.start(motion)
        while player.going:
            yield
    while True:
        yield


def _lasted(success: list[bool]) -> bool:
    """Whether it has been done for `AFTER_SUCCESS_S`."""
    frames = round(AFTER_SUCCESS_S * RATE_HZ)
    return len(success) > frames and all(success[-frames:])
