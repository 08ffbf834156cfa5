"""Whether a task is done, by what touches what: as the benchmark has it, and strictly.

The published success of the transfer fires while the other hand still holds the cube (one finger of
the left hand touches it, and not the table); that of the insertion at any contact of peg and pin.
The strict one asks for a grasp with both fingers, nothing on the table, the other hand gone, and all
of that for a while.
"""

from __future__ import annotations

from collections.abc import Iterable

import mujoco
import numpy as np

from vla_core.suites.aloha.tasks import TRANSFER, AlohaTask

#: A control step [s], at each of which it is judged, and how many of them strict success lasts.
TICK_S, STRICT_TICKS = 0.02, 10
_SOCKET = tuple(f"socket-{wall}" for wall in (1, 2, 3, 4))


def _finger(hand: str, finger: str) -> str:
    """The geometry of a hand's finger."""
    return f"vx300s_{hand}/10_{finger}_gripper_finger"


class SuccessJudge:
    """Looks once a tick.

    Args:
        model: the scene.
        task: what is to be done in it.

    Attributes:
        published: whether the benchmark has called it done at any tick since the reset.
    """

    def __init__(self, model: mujoco.MjModel, task: AlohaTask) -> None:
        self._model, self._task = model, task
        self._right_arm = tuple(
            geom.name
            for geom in map(model.geom, range(model.ngeom))
            if geom.name.startswith("vx300s_right/")
        )
        self.reset()

    def reset(self) -> None:
        """A new scene."""
        self.published, self._ticks = False, 0
        self._touching: set[tuple[int, int]] = set()

    @property
    def strict(self) -> bool:
        """Whether it is done, and has been for `STRICT_TICKS`."""
        return self._ticks >= STRICT_TICKS

    def look(self, data: mujoco.MjData) -> None:
        """Judge the contacts of now."""
        pairs = np.sort(data.contact.geom, axis=1)  # MuJoCo has them in either order
        self._touching = set(map(tuple, pairs.tolist()))
        transfer = self._task is TRANSFER
        self.published |= self._transferred() if transfer else self._pin_touched()
        done = self._held_by_left_alone() if transfer else self._inserted()
        self._ticks = self._ticks + 1 if done else 0

    def _transferred(self) -> bool:
        return self._touch("red_box", _finger("left", "left")) and not self._on_table("red_box")

    def _pin_touched(self) -> bool:
        return self._touch("red_peg", "pin")

    def _held_by_left_alone(self) -> bool:
        return (
            self._grasped("left", ("red_box",))
            and not self._on_table("red_box")
            and not self._any("red_box", self._right_arm)
        )

    def _inserted(self) -> bool:
        return (
            self._pin_touched()
            and self._grasped("right", ("red_peg",))
            and self._grasped("left", _SOCKET)
            and not any(map(self._on_table, ("red_peg", *_SOCKET)))
        )

    def _grasped(self, hand: str, parts: tuple[str, ...]) -> bool:
        """Both fingers of a hand touch an object."""
        return all(self._any(_finger(hand, finger), parts) for finger in ("left", "right"))

    def _on_table(self, geom: str) -> bool:
        return self._touch(geom, "table")

    def _any(self, geom: str, others: Iterable[str]) -> bool:
        return any(self._touch(geom, other) for other in others)

    def _touch(self, one: str, other: str) -> bool:
        pair = sorted((self._model.geom(one).id, self._model.geom(other).id))
        return tuple(pair) in self._touching
