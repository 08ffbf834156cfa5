"""What the console knows at a moment: made by its client, drawn by its screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from vla_core.handover.keyboard import Grip, KeyboardState, Side
from vla_core.types import ActiveConstraint, ControlMode, Instruction

#: The command node speaks at every tick; not heard for longer than this, it is silent [s].
COMMAND_SILENT_S = 0.5
#: Nodes tell their health once a second; what is older than this is not told any more [s].
NODE_SILENT_S = 2.5
#: Pictures that are older are not shown [s].
PICTURE_SILENT_S = 2.0

_LET_GO = KeyboardState(Grip.RELEASED, Side.RIGHT, 0.0)


class NodeLevel(IntEnum):
    """As `diagnostic_msgs/DiagnosticStatus` counts."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class NodeReport:
    """What a node said last of itself in `/diagnostics`.

    Attributes:
        age_s: how long ago it said so [s].
        values: keys and values, e.g. `rate_hz/intent`.
    """

    name: str
    level: NodeLevel
    message: str
    age_s: float
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RecentConstraint:
    """A safety constraint that changed the command just now, or does."""

    constraint: ActiveConstraint
    age_s: float


@dataclass(frozen=True)
class CommandView:
    """What the command node says at every tick.

    Attributes:
        heard_s: how long ago it was heard [s].
        mode: who moves the robot.
        rate_hz: ticks a second; 0 before that is known.
        ages_s: of `observation`, `intent` and `chunk` behind the command [s]; -1: there is none.
        constraints: those of the last moments, newest first.
    """

    heard_s: float
    mode: ControlMode
    rate_hz: float
    ages_s: Mapping[str, float]
    constraints: tuple[RecentConstraint, ...]

    @property
    def silent(self) -> bool:
        """Whether it was not heard for too long."""
        return self.heard_s > COMMAND_SILENT_S


@dataclass(frozen=True)
class InterventionView:
    """The newest time that an operator has, or had, the robot."""

    operator: str
    source: str
    cause: str
    end_cause: str
    over: bool


@dataclass(frozen=True, eq=False)
class CameraView:
    """A picture of what the policy sees.

    Attributes:
        pixels: `(height, width, 3)` uint8 RGB, read-only.
        age_s: since it was heard [s].
    """

    camera: str
    pixels: np.ndarray
    age_s: float


@dataclass(frozen=True, eq=False)
class IntentShown:
    """What System 2 intends, as its policy shows it.

    Attributes:
        camera: of the picture; empty: there is none.
        pixels: `(height, width, 3)` uint8 RGB: what it decodes, or what is seen, in grey, coloured
            where it is to change; None: the policy shows none.
        caption: the rest, in words.
        lookahead_s: how far ahead [s].
        age_s: since it was heard [s].
    """

    camera: str
    pixels: np.ndarray | None
    caption: str
    lookahead_s: float
    age_s: float


@dataclass(frozen=True)
class Answer:
    """What came of something that was asked for.

    Attributes:
        number: counts them.
        clock: local time of day, for a person.
        good: whether it was done, or is under way.
    """

    number: int
    clock: str
    text: str
    good: bool


@dataclass(frozen=True)
class Snapshot:
    """Everything that the console shows.

    Attributes:
        taken_s: on the steady clock of this process [s].
        namespace: that is listened to; empty: the root.
        robot: as the command node names it.
        command: None before the command node was heard.
        mode: who moves the robot, as it was said last; None before that.
        mode_reason, mode_for_s: why, and for how long; None: not known [s].
        limits_s: oldest ages that are followed, by input [s]; empty before they are known.
        nodes: by name.
        instruction: in force; None before anybody said so.
        asks: what is asked for and not answered yet.
        estop_unconfirmed: whether the emergency stop is being sent and ESTOP was not heard yet.
        answers: the newest last.
    """

    taken_s: float
    namespace: str = ""
    robot: str = ""
    command: CommandView | None = None
    mode: ControlMode | None = None
    mode_reason: str = ""
    mode_for_s: float | None = None
    limits_s: Mapping[str, float] = field(default_factory=dict)
    nodes: tuple[NodeReport, ...] = ()
    instruction: Instruction | None = None
    intervention: InterventionView | None = None
    keyboard: KeyboardState = _LET_GO
    camera: CameraView | None = None
    intent: IntentShown | None = None
    asks: tuple[str, ...] = ()
    estop_unconfirmed: bool = False
    answers: tuple[Answer, ...] = ()

    def older_by(self, seconds: float) -> Snapshot:
        """The same, that much later, with nothing new heard: all that has an age is older."""
        command, camera, intent = self.command, self.camera, self.intent
        if command is not None:
            command = replace(command, heard_s=command.heard_s + seconds)
        if camera is not None:
            camera = replace(camera, age_s=camera.age_s + seconds)
        if intent is not None:
            intent = replace(intent, age_s=intent.age_s + seconds)
        nodes = tuple(replace(node, age_s=node.age_s + seconds) for node in self.nodes)
        return replace(self, command=command, camera=camera, intent=intent, nodes=nodes)

    def node(self, name: str) -> NodeReport | None:
        """A node's report by the last part of its name."""
        return next((n for n in self.nodes if n.name.rpartition("/")[2] == name), None)
