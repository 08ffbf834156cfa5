"""Training windows of whatever a policy's specification asks to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.contract.specification import ObservationSpec
from vla_core.errors import ConfigError
from vla_core.robot.model import RobotModel
from vla_core.training.joint_frames import mean_velocities, state_vectors
from vla_core.training.window_index import WindowIndex, padded, padding


@dataclass(frozen=True)
class EpisodeWindows:
    """Every (context, chunk) of some episodes, all of one rate, kept in memory.

    Attributes:
        index: which frames make a window.
        back: `(1, moments)` frames before now of each moment that is shown, oldest first; the last
            is 0.
        executed_steps: past steps of what was commanded.
        images, depth: `{camera: (frames, h, w, ...)}`.
        states, velocities, targets: `(frames, state)`, `(frames, dof)`, `(frames, state)`.
        actions: `(frames, dof)` commanded joints.
        instructions: of each frame.
    """

    index: WindowIndex
    back: np.ndarray
    executed_steps: int
    images: Mapping[str, np.ndarray]
    depth: Mapping[str, np.ndarray]
    states: np.ndarray
    velocities: np.ndarray
    targets: np.ndarray
    actions: np.ndarray
    instructions: np.ndarray

    @classmethod
    def build(
        cls,
        episodes: Sequence[Episode],
        robot: RobotModel,
        shown: ObservationSpec,
        horizon: int,
        rate_hz: float,
    ) -> EpisodeWindows:
        """Lay episodes one after the other.

        Args:
            shown: cameras, depth, history, executed steps.
            horizon: steps of a chunk.
            rate_hz: of the policy's steps, a whole fraction of the episodes'.

        Raises:
            ConfigError: an episode lacks a camera, or its depth.
        """
        stride = round(episodes[0].rate_hz / rate_hz)
        extras = [padding(episode, horizon * stride) for episode in episodes]
        lengths = [len(e) + extra for e, extra in zip(episodes, extras, strict=True)]
        ages = np.array([*shown.history_s, 0.0])

        def laid(frames: Sequence[np.ndarray]) -> np.ndarray:
            return np.concatenate([padded(f, extra) for f, extra in zip(frames, extras, strict=True)])

        return cls(
            WindowIndex.over(lengths, horizon, stride),
            np.rint(ages * episodes[0].rate_hz).astype(int)[None],
            shown.executed_steps,
            {
                camera.name: laid([_of(e.images, camera.name, "picture") for e in episodes])
                for camera in shown.cameras
            },
            {
                camera.name: laid([_of(e.depth, camera.name, "depth") for e in episodes])
                for camera in shown.cameras
                if camera.depth
            },
            laid([state_vectors(robot, e.position) for e in episodes]),
            np.concatenate(
                [
                    mean_velocities(padded(e.position, extra), e.rate_hz)
                    for e, extra in zip(episodes, extras, strict=True)
                ]
            ),
            laid([state_vectors(robot, e.action) for e in episodes]),
            laid([e.action for e in episodes]),
            np.repeat([e.instruction for e in episodes], lengths),
        )

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Windows `rows` `(rows,)`, of `moments` that end with now.

        Returns:
            `images/CAMERA` and `depth/CAMERA` `(rows, moments, h, w, ...)`; `known`
            `(rows, moments)`, whether the episode had begun; `state` `(rows, moments, state)`,
            `velocity` `(rows, moments, dof)`; `executed` `(rows, executed_steps, dof)`, as in a
            `Context`; `targets` `(rows, H, state)`; `instruction` `(rows,)`.
        """
        frames, known = self.index.before(rows, self.back)
        steps_back = self.index.stride * np.arange(self.executed_steps, 0, -1)[None]
        past, done = self.index.before(rows, steps_back)
        return {
            **{f"images/{camera}": images[frames] for camera, images in self.images.items()},
            **{f"depth/{camera}": depth[frames] for camera, depth in self.depth.items()},
            "known": known,
            "state": self.states[frames],
            "velocity": self.velocities[frames],
            "executed": np.where(done[..., None], self.actions[past], np.nan),
            "targets": self.targets[self.index.chunks(rows)],
            "instruction": self.instructions[frames[:, -1]],
        }


def _of(recorded: Mapping[str, np.ndarray], camera: str, what: str) -> np.ndarray:
    if camera not in recorded:
        there = ", ".join(recorded) or "none"
        raise ConfigError("demonstrations", f"have no {what} of camera {camera!r}, there are {there}")
    return recorded[camera]
