"""A client that remembers what it was asked for, and shows what a test tells it to."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from vla_core.console.snapshot import (
    Answer,
    CameraView,
    CommandView,
    IntentShown,
    NodeLevel,
    NodeReport,
    RecentConstraint,
    Snapshot,
)
from vla_core.handover.keyboard import Grip, Jog, Keyboard
from vla_core.types import ActiveConstraint, ControlMode, Instruction

LIMITS_S = MappingProxyType(
    {"observation": 1.0, "intent": 3.0, "chunk": 0.9, "joint_state": 0.1, "teleop": 0.2}
)
#: What the nodes count and tell of themselves.
VALUES = {
    "camera_node": {"rate_hz/observation": "29.8", "age_ms/observation": "12"},
    "intent_node": {"rate_hz/intent": "4.9", "age_ms/intent": "140"},
    "command_node": {"rate_hz/joint state": "99.7", "age_ms/joint state": "4",
                     "rate_hz/chunk": "3.3", "age_ms/chunk": "120"},
}  # fmt: skip


def node(name: str, level: NodeLevel = NodeLevel.OK, message: str = "running") -> NodeReport:
    return NodeReport(f"/{name}", level, message, 0.4, VALUES.get(name, {}))


def in_policy(taken_s: float) -> Snapshot:
    """A robot that follows its policy, and is slowed down a little."""
    pixels = np.tile(np.arange(96, dtype=np.uint8)[:, None, None] * 2, (1, 96, 3))
    command = CommandView(
        heard_s=0.004,
        mode=ControlMode.POLICY,
        rate_hz=200.0,
        ages_s={"observation": 0.21, "intent": 0.55, "chunk": 0.12},
        constraints=(
            RecentConstraint(ActiveConstraint("position", "right_elbow_joint", 0.12), 0.012),
            RecentConstraint(ActiveConstraint("path_speed", "path", 0.25), 0.9),
        ),
    )
    return Snapshot(
        taken_s=taken_s,
        robot="g1_inspire",
        command=command,
        mode=ControlMode.POLICY,
        mode_reason="asked for",
        mode_for_s=12.0,
        limits_s=LIMITS_S,
        nodes=tuple(node(name) for name in (*VALUES, "action_node")),
        instruction=Instruction(3, "put the red block on the yellow pad"),
        camera=CameraView("head", pixels, 0.1),
        intent=IntentShown(
            "head", pixels, "most upper left: 0.31, dark 0 to bright 0.42", 1.2, 0.2
        ),
    )


class ScriptedClient:
    """Says nothing of its own.

    Attributes:
        now: what the next snapshot shows.
        asked: names and arguments of what was asked for, in order.
        clock_s: steady time of it all.
    """

    def __init__(self) -> None:
        self.time_s = 50.0
        self.now = in_policy(self.time_s)
        self.asked: list[tuple[Any, ...]] = []
        self.keyboard = Keyboard(self.clock_s)
        self.refusal = ""

    def clock_s(self) -> float:
        return self.time_s

    def passes(self, seconds: float) -> None:
        """Time passes, and the client goes on to listen."""
        self.time_s += seconds
        self.now = replace(self.now, taken_s=self.time_s)

    def show(self, **changed: Any) -> None:
        self.now = replace(self.now, **changed)

    def show_command(self, **changed: Any) -> None:
        self.now = replace(self.now, command=replace(self.now.command, **changed))

    def snapshot(self) -> Snapshot:
        return replace(self.now, keyboard=self.keyboard.state())

    def _ask(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.refusal:
            answer = Answer(len(self.asked), "12:00:00", self.refusal, False)
            self.now = replace(self.now, answers=(*self.now.answers, answer))

    def estop(self) -> None:
        self._ask("estop")
        self.now = replace(self.now, estop_unconfirmed=True)

    def ask_mode(self, mode: ControlMode) -> None:
        self._ask("mode", mode)

    def reset_estop(self) -> None:
        self._ask("reset")

    def instruct(self, text: str) -> None:
        self._ask("instruct", text)

    def save_recording(self) -> None:
        self._ask("save")

    def go_ready(self) -> None:
        self._ask("ready")

    def next_camera(self) -> None:
        self._ask("camera")

    def take_over(self) -> None:
        self.keyboard.press()
        self._ask("take over")

    def jog(self, jog: Jog) -> None:
        self._ask("jog", jog, self.keyboard.jog(jog))

    def close_hand(self, closed: bool) -> None:
        self._ask("close", closed, self.keyboard.close_hand(closed))

    def change_side(self) -> None:
        self._ask("side", self.keyboard.change_side())

    def let_go(self) -> bool:
        held = self.keyboard.state().grip is Grip.HELD
        if held:
            self._ask("let go")
        return self.keyboard.let_go()
