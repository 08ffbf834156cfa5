"""Keys of a terminal as an operator's device: what is held, although no release is ever reported.

A terminal reports that a key was pressed and, while it is held, that it repeats; never that it was
let go. So the deadman is held as long as keys of the device keep coming: the first repetition of a
held key comes after up to 0.66 s (X's default; others are sooner), the later ones every 30 ms. And
a hand moves for a moment after each key only: a tap is a nudge, a held key a motion that ends with
its repetitions. Keys that stay out leave the robot standing at once, and soon without an operator.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from vla_core.types import ControlMode

#: Without a key for longer than this, the deadman falls silent [s].
HELD_FOR_S = 1.0
#: A hand moves for this long after a key [s].
MOVES_FOR_S = 0.2
#: Before a press, a release is sent for so long [s].
TOLD_RELEASED_S = 0.25
#: Somebody who let go says so for this long; then the device is quiet, for others have it [s].
_TELLS_RELEASE_S = 0.5
#: A press that the command node has not answered by then is given up [s].
_ANSWERED_WITHIN_S = 1.5
#: Silence lasts until the command node has missed the deadman, whatever was heard of the mode: that
#: comes late, and a release would give away a robot that the operator has just got [s].
SILENT_FOR_S = 1.0
#: The gripper's axis before a key has opened or closed it: the hand stays as it is.
_GRIPPER_UNTOUCHED = 0.5

_OPERATOR_MOVES = (ControlMode.TELEOP, ControlMode.BLEND)
#: Axes of a hand in the Joy, in order; those of the left hand come first.
_AXES = ("x", "y", "z", "yaw")


class Side(Enum):
    """The hand that keys move."""

    LEFT = "left"
    RIGHT = "right"


class Grip(Enum):
    """How the deadman is held; the value says so to a person."""

    RELEASED = "let go"
    HELD = "held"
    SILENT = "nothing is sent, so the robot stops"
    """Nothing is said, so that the command node stops the robot and nobody else gets it."""


class Jog(NamedTuple):
    """A way to move a hand: `x`, `y`, `z` or `yaw` of the base frame, forward 1 or back -1."""

    axis: str
    sign: int


class JoyBeat(NamedTuple):
    """What the `sensor_msgs/Joy` of `config/teleop/keyboard.yaml` says now.

    Attributes:
        axes: x, y, z, yaw in [-1, 1] and gripper (0 open, 1 closed) of the left, then the right.
        buttons: the deadman.
    """

    axes: tuple[float, ...]
    buttons: tuple[int, ...]


class KeyboardState(NamedTuple):
    """The device as it is shown.

    Attributes:
        left_s: how long the deadman is held yet without another key [s].
    """

    grip: Grip
    side: Side
    left_s: float


class Keyboard:
    """Pressed by one thread, read by another.

    Whoever lets go with `let_go` gives the robot back, as the YAML's `on_release` says. Where keys
    stay out, or a press is not answered, nobody has let go: the device falls silent, and the command
    node stops the robot, if the operator has it, and holds it. It sends again once the robot has not
    been the operator's for a while. Before the first press, and some time after it was let go, it is
    quiet, too: who only watches has no say.

    Args:
        clock_s: steady time [s].
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()  # guards all that follows
        self._grip = Grip.RELEASED
        self._side = Side.RIGHT
        self._pressed_s = self._key_s = self._silent_s = 0.0
        self._let_go_s = -math.inf
        self._answered = False
        self._jog: Jog | None = None
        self._jog_s = 0.0
        self._grippers = dict.fromkeys(Side, _GRIPPER_UNTOUCHED)

    def press(self) -> bool:
        """Take hold of the deadman, or keep it; whether it is held."""
        with self._lock:
            now_s = self._clock_s()
            if self._grip is Grip.RELEASED:
                self._grip, self._pressed_s, self._answered = Grip.HELD, now_s, False
                self._jog = None
                self._grippers = dict.fromkeys(Side, _GRIPPER_UNTOUCHED)
            self._key_s = now_s
            return self._grip is Grip.HELD

    def jog(self, jog: Jog) -> bool:
        """Move the hand for a moment; whether the deadman is held, as it has to be."""
        with self._lock:
            if self._grip is not Grip.HELD:
                return False
            self._key_s = self._jog_s = self._clock_s()
            self._jog = jog
            return True

    def close_hand(self, closed: bool) -> bool:
        """Close the hand, or open it; whether the deadman is held, as it has to be."""
        with self._lock:
            if self._grip is not Grip.HELD:
                return False
            self._key_s = self._clock_s()
            self._grippers[self._side] = float(closed)
            return True

    def change_side(self) -> Side:
        """Move the other hand from now on."""
        with self._lock:
            self._key_s = self._clock_s()
            self._jog = None
            self._side = Side.LEFT if self._side is Side.RIGHT else Side.RIGHT
            return self._side

    def let_go(self) -> bool:
        """Let go of the deadman; whether it was held."""
        with self._lock:
            held = self._grip is Grip.HELD
            if held:
                self._release(self._clock_s())
            return held

    def state(self) -> KeyboardState:
        """What to show."""
        with self._lock:
            left_s = max(0.0, self._key_s + HELD_FOR_S - self._clock_s())
            return KeyboardState(self._grip, self._side, left_s if self._held else 0.0)

    def beat(self, mode: ControlMode | None) -> JoyBeat | None:
        """What to say now, some 25 times a second; None: nothing.

        Args:
            mode: who moves the robot; None where that is not known.
        """
        with self._lock:
            now_s = self._clock_s()
            self._follow_mode(mode, now_s)
            if self._grip is Grip.SILENT:
                return None
            if not self._held and now_s - self._let_go_s > _TELLS_RELEASE_S:
                return None
            told_held = self._held and now_s - self._pressed_s > TOLD_RELEASED_S
            return JoyBeat(self._axes(now_s), (int(told_held),))

    @property
    def _held(self) -> bool:
        return self._grip is Grip.HELD

    def _follow_mode(self, mode: ControlMode | None, now_s: float) -> None:
        """What time and mode do to the deadman."""
        moves = mode in _OPERATOR_MOVES
        taken = mode is not None and not moves  # where it is not known, nobody has let go
        if self._held:
            self._answered |= moves
            unanswered = not self._answered and now_s - self._pressed_s > _ANSWERED_WITHIN_S
            if now_s - self._key_s > HELD_FOR_S or (taken and unanswered):
                self._grip, self._silent_s = Grip.SILENT, now_s
            elif taken and self._answered:
                self._release(now_s)
        elif self._grip is Grip.SILENT and taken and now_s - self._silent_s > SILENT_FOR_S:
            self._release(now_s)

    def _release(self, now_s: float) -> None:
        self._grip, self._let_go_s = Grip.RELEASED, now_s

    def _axes(self, now_s: float) -> tuple[float, ...]:
        axes: list[float] = []
        moves = self._held and self._jog is not None and now_s - self._jog_s <= MOVES_FOR_S
        for side in Side:
            moved = self._jog if moves and side is self._side else None
            axes += [float(moved.sign) if moved and moved.axis == axis else 0.0 for axis in _AXES]
            axes.append(self._grippers[side])
        return tuple(axes)
