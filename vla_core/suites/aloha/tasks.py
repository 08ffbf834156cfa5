"""The two tasks: what is told, what lies on the table, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.contract.suite import SuiteTask
from vla_core.types import Instruction

#: How high above the table objects begin; they fall the rest [m].
START_HEIGHT = 0.05


@dataclass(frozen=True)
class Field:
    """Where an object begins, unturned.

    Attributes:
        body: its name in MuJoCo.
        low, high: x, y, at least and at most [m].
    """

    body: str
    low: tuple[float, float]
    high: tuple[float, float]


@dataclass(frozen=True)
class AlohaTask:
    """One of the benchmark's tasks.

    Attributes:
        told: its words.
        file: of its scene in the package.
        objects: the fields that the benchmark draws their places from.
    """

    told: SuiteTask
    file: str
    objects: tuple[Field, ...]

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """`(3,)` position of each object by its body [m]."""
        return {
            item.body: np.array((*rng.uniform(item.low, item.high), START_HEIGHT))
            for item in self.objects
        }


TRANSFER = AlohaTask(
    SuiteTask(
        Instruction(1, "pick up the cube with the right arm and transfer it to the left arm"),
        (
            "take the cube with your right gripper and hand it over to the left one",
            "pass the red cube from the right hand to the left hand",
            "give the cube to the left arm",
        ),
    ),
    "bimanual_viperx_transfer_cube.xml",
    (Field("box", (0.0, 0.4), (0.2, 0.6)),),
)
INSERTION = AlohaTask(
    SuiteTask(
        Instruction(2, "insert the peg into the socket"),
        (
            "pick up peg and socket and push the peg in",
            "put the red stick into the blue tube",
            "join the peg with the socket",
        ),
    ),
    "bimanual_viperx_insertion.xml",
    (
        Field("peg", (0.1, 0.4), (0.2, 0.6)),
        Field("socket", (-0.2, 0.4), (-0.1, 0.6)),
    ),
)
TASKS = (TRANSFER, INSERTION)


def task_told(instruction: Instruction) -> AlohaTask | None:
    """The task that an instruction's words mean; None: none of these."""
    return next((task for task in TASKS if instruction.text in task.told.texts), None)
