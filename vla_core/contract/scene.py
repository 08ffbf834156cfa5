"""A simulated robot among things, stepped from outside."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from vla_core.errors import VlaError
from vla_core.robot.model import RobotModel
from vla_core.types import Instruction


class SceneLostError(VlaError):
    """A scene is gone in the middle of an episode, not by its own fault; `reset` makes it anew."""


class Scene(Protocol):
    """One scene of a suite; joint vectors are `(dof,)`, in the robot's canonical order.

    Attributes:
        robot: that stands in it.
        timestep_s: physics' own step [s].
        time_s: simulated time since the reset [s].
        instruction: what is to be done in it.
        success: whether that is done.
        position, velocity: of the joints, measured.
        targets: joint positions that the servos are commanded to, a copy.
    """

    robot: RobotModel
    timestep_s: float
    time_s: float
    instruction: Instruction
    success: bool
    position: np.ndarray
    velocity: np.ndarray
    targets: np.ndarray

    def reset(self, seed: int, task: int | None = None) -> Instruction:
        """A new random scene and what to do in it; the same for the same seed and task.

        Args:
            task: what is done in it, its number in the suite's order; None: the seed chooses.
        """

    def set_targets(self, position: np.ndarray) -> None:
        """Command `(dof,)` joint positions."""

    def step(self, duration_s: float) -> None:
        """Let time pass."""

    def render(self, camera: str) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB picture of a camera."""

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)` of the pinhole camera that `render` draws; pixels' centres are whole numbers."""

    def success_of(self, instruction: Instruction) -> bool:
        """Whether `instruction` is done here; False for words that are no task of the suite."""

    def close(self) -> None:
        """Free the renderer."""


@runtime_checkable
class DeepScene(Protocol):
    """A scene that draws depth, too."""

    def render_depth(self, camera: str) -> np.ndarray:
        """`(height, width)` float32 along a camera's optical axis [m]; NaN where nothing is."""


@runtime_checkable
class PublishedScene(Protocol):
    """A scene of a benchmark whose authors count success in another way than `success`.

    Attributes:
        published_success: whether they would have called it done at any time since the reset.
    """

    published_success: bool
