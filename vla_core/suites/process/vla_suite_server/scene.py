"""What a suite's process has to offer: a scene, in arrays and numbers alone."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np


class State(NamedTuple):
    """What is known without looking.

    Attributes:
        time_s: simulated time since the reset [s].
        position, velocity: `(dof,)` of what is commanded, measured.
        targets: `(dof,)` that are commanded.
        done: `(tasks,)` bool, which of the suite's tasks are done here, in the suite's order.
    """

    time_s: float
    position: np.ndarray
    velocity: np.ndarray
    targets: np.ndarray
    done: np.ndarray


class ServedScene(Protocol):
    """A simulation that is asked from another process; one thread asks.

    It is made by a function that takes the options of the suite by name, as msgpack carries them.

    Attributes:
        timestep_s: physics' own step [s].
    """

    timestep_s: float

    def reset(self, seed: int, task: int | None) -> int:
        """A new scene; the same for the same seed and task, whatever was before.

        Args:
            task: its number in the suite's order; None: the seed chooses.

        Returns:
            The number of the task that is to be done.
        """

    def act(self, action: np.ndarray, duration_s: float) -> None:
        """Command `(dof,)` and let time pass."""

    def state(self) -> State:
        """As it is now."""

    def render(self, camera: str) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB."""

    def intrinsics(self, camera: str) -> np.ndarray:
        """`(3, 3)` of the pinhole camera that `render` draws."""

    def close(self) -> None:
        """Free what it holds."""


@runtime_checkable
class AdvisingScene(Protocol):
    """A served scene that has an expert of its own."""

    def advise(self) -> np.ndarray:
        """`(dof,)` that the expert would command now; nothing moves by asking."""
