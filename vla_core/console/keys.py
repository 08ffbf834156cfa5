"""Which key does what.

What commands the robot is on function keys: a text that is typed where no entry is open does
nothing but, with its first space, stop the robot. Letters move a hand, once it was taken over.
"""

from __future__ import annotations

from vla_core.handover.keyboard import Jog
from vla_core.handover.modes import Act, Request
from vla_core.types import ControlMode

ESTOP = "space"
#: Work while an instruction is typed, too.
ESTOP_WHILE_TYPING = ("ctrl+e", "f12")

MODES = {
    "f2": ControlMode.HOLD,
    "f3": ControlMode.POLICY,
    "f4": ControlMode.TELEOP,
    "f8": ControlMode.IDLE,
}
RESET = "f5"
KEY_OF: dict[Request, str] = {mode: key.upper() for key, mode in MODES.items()} | {
    Act.RESET: RESET.upper()
}

JOGS = {
    "w": Jog("x", 1),
    "s": Jog("x", -1),
    "a": Jog("y", 1),
    "d": Jog("y", -1),
    "e": Jog("z", 1),
    "x": Jog("z", -1),
    "j": Jog("yaw", 1),
    "l": Jog("yaw", -1),
}
OPEN_HAND, CLOSE_HAND, OTHER_HAND = "o", "g", "f"

HELP = (
    "Enter instruct  F2 hold  F3 policy, resume  F4 take over  F8 idle",
    "F5 reset e-stop  F6 save last seconds  F7 ready pose  F9 camera  Ctrl-Q leave",
)
TELEOP_HELP = "F4 keep  w s a d forth back left right  e x up down  j l turn  o g hand  f other"
