"""Demonstrations by MetaWorld's own oracles: whole tasks, and recoveries from bursts of noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.observation.picture_size import squared
from vla_core.suites.metaworld.terms import LARGEST_M, STEP_S, STEPS
from vla_core.suites.process.paraphrased_scene import ParaphrasedScene

#: Frames a second [Hz], and the benchmark's steps from one to the next.
RATE_HZ = 20.0
EACH = round(1.0 / RATE_HZ / STEP_S)
#: It is shown for so long after its success [steps], and no shorter than this altogether, so that a
#: chunk goes into it [frames].
AFTER_SUCCESS, LEAST_FRAMES = 12, 16
#: A burst of noise carries the hand one way: by this share of the largest step, for so long, and so
#: long after the last one; at least and at most [steps].
STRENGTH, BURST, BETWEEN = (0.1, 0.4), (8, 24), (LEAST_FRAMES * EACH, 120)
#: The first one begins by then [steps].
FIRST = 40


class MetaWorldDemonstrator:
    """Shows scenes of its own, one after the other.

    Args:
        scene: whose oracles are asked.
        tasks: the suite's, in its order.
        cameras: that are recorded.
        image_size: side of the pictures [pixels]; None: as the scene draws them.
    """

    def __init__(
        self,
        scene: ParaphrasedScene,
        tasks: Sequence[SuiteTask],
        cameras: Sequence[str],
        image_size: int | None = None,
    ) -> None:
        self._scene, self._tasks, self._cameras = scene, tuple(tasks), tuple(cameras)
        self._image_size = image_size

    def demonstrate(self, seed: int, task: SuiteTask | None = None) -> Iterator[Episode]:
        """The scene of a seed: the oracle from its start to success, then how it recovers.

        The second time bursts of noise carry the hand away. They are not recorded, no chunk's
        future may contain them: each recovery begins where one ends. All are shown only if it came
        to success.
        """
        number = None if task is None else self._tasks.index(task)
        whole = self._play(seed, number, np.zeros((STEPS, 3)))
        yield from whole
        if whole:
            yield from self._play(seed, number, bursts(np.random.default_rng((seed, 5))))

    def close(self) -> None:
        """End the scene's process."""
        self._scene.close()

    def _play(self, seed: int, task: int | None, noise: np.ndarray) -> list[Episode]:
        """What the oracle does between bursts; nothing where it fails.

        Args:
            noise: `(STEPS, 3)` that is added to its commands [m].
        """
        scene = self._scene
        told = scene.reset(seed, task)
        parts, done_at, begun = [_Frames(self._cameras)], STEPS, 0
        for step, off in enumerate(noise):
            command = scene.advise()
            if off.any():
                begun = step + 1
                if len(parts[-1]):
                    parts.append(_Frames(self._cameras))
            elif (step - begun) % EACH == 0:
                parts[-1].add(self._pictures(), scene.position, command, done_at < step)
            command[:3] += off
            scene.play(command[None], STEP_S)
            if scene.success:
                done_at = min(done_at, step)
            if step >= done_at + AFTER_SUCCESS and len(parts[-1]) >= LEAST_FRAMES:
                break
        if done_at == STEPS:
            return []
        long = [part for part in parts if len(part) >= LEAST_FRAMES]
        return [part.episode(told.text, complete=part is parts[-1]) for part in long]

    def _pictures(self) -> list[np.ndarray]:
        return [squared(self._scene.render(each), self._image_size) for each in self._cameras]


def bursts(rng: np.random.Generator) -> np.ndarray:
    """`(STEPS, 3)` metres that noise adds to each step's command."""
    noise, begin = np.zeros((STEPS, 3)), int(rng.integers(FIRST))
    while begin < STEPS:
        way = rng.standard_normal(3)
        end = begin + int(rng.integers(*BURST))
        noise[begin:end] = rng.uniform(*STRENGTH) * LARGEST_M * way / np.linalg.norm(way)
        begin = end + int(rng.integers(*BETWEEN))
    return noise


class _Frames:
    """A part of an episode, as it is recorded."""

    def __init__(self, cameras: Sequence[str]) -> None:
        self._pictures: dict[str, list[np.ndarray]] = {camera: [] for camera in cameras}
        self._rows: list[tuple[np.ndarray, np.ndarray, bool]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        pictures: Sequence[np.ndarray],
        position: np.ndarray,
        action: np.ndarray,
        success: bool,
    ) -> None:
        """A frame, and what is commanded from it."""
        for frames, picture in zip(self._pictures.values(), pictures, strict=True):
            frames.append(picture)
        self._rows.append((position, action.copy(), success))

    def episode(self, instruction: str, complete: bool) -> Episode:
        """All of them."""
        position, action, success = map(np.stack, zip(*self._rows, strict=True))
        images = {camera: np.stack(frames) for camera, frames in self._pictures.items()}
        return Episode(images, position, action, instruction, RATE_HZ, complete, success=success)
