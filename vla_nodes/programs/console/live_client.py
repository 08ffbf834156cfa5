"""The console's ends on the graph, in a thread of their own; the screen never waits for them."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import rclpy
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger
from typing_extensions import Self

from vla_core.console.snapshot import COMMAND_SILENT_S, Snapshot
from vla_core.handover.keyboard import Jog, Keyboard
from vla_core.handover.modes import find_transition
from vla_core.types import ControlMode, Instruction
from vla_msgs import msg
from vla_msgs.srv import ResetEstop, SetInstruction, SetMode
from vla_nodes.base.boundary import BoundedPlainNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.programs.console.age_limits import AgeLimits
from vla_nodes.programs.console.command_listener import CommandListener
from vla_nodes.programs.console.estop_key import EstopKey
from vla_nodes.programs.console.keyboard_beat import KeyboardBeat
from vla_nodes.programs.console.node_listener import NodeListener
from vla_nodes.programs.console.scene_views import SceneViews
from vla_nodes.programs.console.service_calls import ServiceCalls, Words
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_instruction

#: Of the thread that listens [s].
PERIOD_S = 0.04
#: What draws gives the interpreter to who listens and beats so soon [s].
_SWITCH_S = 0.0005
#: Passes of the executor while answers are awaited.
_PASSES = 4
_READY_TIMEOUT_S, _SAVE_TIMEOUT_S = 60.0, 10.0

NO_COMMAND_NODE = "nobody offers it; is the command node up?"
NO_RECORDER = (
    "no recorder runs; start the graph with record:=true record_last_s:=30, or ./vla record "
    "--last-s 30"
)
NO_READY = "nobody plans it; start the graph with ready:=true"
NOT_HELD = "keys move a hand once F4 has taken the robot over"
NO_KEYBOARD = "nobody listens to the keyboard; start the graph with teleop:=keyboard"


@dataclass(frozen=True)
class ClientSettings:
    """How the console connects.

    Attributes:
        operator: who resets an emergency stop, by name.
        namespace: of the graph; empty: the root.
        pictures_hz: how often camera and foresight are taken [Hz]; 0: never.
        domain_id: ROS domain; None: as the environment says.
    """

    operator: str
    namespace: str = ""
    pictures_hz: float = 2.0
    domain_id: int | None = None


class LiveClient:
    """A `ConsoleClient` of a live graph; use it in `with`.

    It listens in its own thread and gives out snapshots. What it is asked for is done there, too,
    but for the emergency stop, which is published at once by whoever presses it. It says nothing
    to the graph of its own accord. Leaving it changes no mode, unless the keyboard's deadman is
    held: it falls silent, and the command node stops the robot.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._context = Context()
        # What ROS logs would be written over the screen.
        arguments = ["--ros-args", "--disable-stdout-logs"]
        rclpy.init(args=arguments, context=self._context, domain_id=settings.domain_id)
        self._node = node = BoundedPlainNode(
            "console",
            context=self._context,
            namespace=settings.namespace,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._keyboard = Keyboard(time.monotonic)
        self._calls = ServiceCalls()
        self._command = CommandListener(node)
        self._scene = None
        if settings.pictures_hz:
            self._scene = SceneViews(node, settings.pictures_hz, self._calls)
        self._nodes = NodeListener(node)
        self._limits = AgeLimits(node, self._calls)
        self._instructions = PolledSubscription(
            node, msg.Instruction, topics.INSTRUCTION, qos.LATCHED
        )
        self._estop = EstopKey(node)
        self._beat = KeyboardBeat(node, self._keyboard, self._mode)
        self._set_mode = node.create_client(SetMode, topics.SET_MODE)
        self._reset_estop = node.create_client(ResetEstop, topics.RESET_ESTOP)
        self._set_instruction = node.create_client(SetInstruction, topics.SET_INSTRUCTION)
        self._save = node.create_client(Trigger, topics.SAVE_RECORDING)
        self._ready = node.create_client(Trigger, topics.READY)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._instruction: Instruction | None = None
        self._snapshot = Snapshot(time.monotonic(), settings.namespace)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graph", daemon=True)

    def __enter__(self) -> Self:
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()
        self._beat.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._beat.__exit__()
        self._over.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    # As ConsoleClient says

    def snapshot(self) -> Snapshot:
        """Everything known now."""
        return self._snapshot

    def estop(self) -> None:
        """Press the emergency stop, at once, and until ESTOP is confirmed."""
        self._estop.press()

    def ask_mode(self, mode: ControlMode) -> None:
        """Ask the command node for a mode."""
        request = SetMode.Request(mode=int(mode))
        self._asked.put(lambda: self._change_mode(mode, mode.name, self._set_mode, request))

    def reset_estop(self) -> None:
        """Take the finger from the emergency stop, and reset it in the operator's name."""
        self._estop.release()
        hold, request = ControlMode.HOLD, ResetEstop.Request(by=self._settings.operator)
        self._asked.put(lambda: self._change_mode(hold, "reset", self._reset_estop, request))

    def instruct(self, text: str) -> None:
        """Put an instruction in force."""
        self._asked.put(lambda: self._instruct(text))

    def save_recording(self) -> None:
        """Save the last seconds that the recorder keeps."""
        self._trigger("saving the last seconds", self._save, NO_RECORDER, _SAVE_TIMEOUT_S)

    def go_ready(self) -> None:
        """Plan the way to the ready pose, and go."""
        self._trigger("ready pose", self._ready, NO_READY, _READY_TIMEOUT_S)

    def next_camera(self) -> None:
        """Show another camera."""
        if self._scene is not None:
            self._asked.put(self._scene.next_camera)

    def take_over(self) -> None:
        """Hold the keyboard's deadman, or keep it."""
        self._asked.put(self._take_over)

    def jog(self, jog: Jog) -> None:
        """Move the hand for a moment."""
        if not self._keyboard.jog(jog):
            self._report_not_held()

    def close_hand(self, closed: bool) -> None:
        """Close the hand, or open it."""
        if not self._keyboard.close_hand(closed):
            self._report_not_held()

    def change_side(self) -> None:
        """Move the other hand."""
        side = self._keyboard.change_side()
        self._asked.put(lambda: self._calls.report(f"keys move the {side.value} hand", True))

    def let_go(self) -> bool:
        """Let go of the keyboard's deadman; whether it was held."""
        held = self._keyboard.let_go()
        if held:
            self._asked.put(lambda: self._calls.report("let go of the robot", True))
        return held

    # In the thread

    def _run(self) -> None:
        next_s = time.monotonic()
        try:
            while not self._over.wait(max(0.0, next_s - time.monotonic())):
                next_s = max(next_s + PERIOD_S, time.monotonic())
                self._pass()
        except Exception as error:  # noqa: BLE001  the screen must say so, and stay
            what = traceback.format_exception_only(error)[-1].strip()
            self._calls.report(f"the console listens no more: {what}")
            self._take_snapshot(self._snapshot.taken_s)

    def _pass(self) -> None:
        """Listen, ask, and tell."""
        self._command.poll()
        self._nodes.poll()
        self._instructions.read_newest(self._on_instruction)
        if self._scene is not None:
            self._scene.poll()
        command = self._command.view(time.monotonic())
        self._limits.poll(command)
        if self._estop.repeat(command):
            self._calls.report("ESTOP is confirmed; F5 resets it", True)
        while not self._asked.empty():
            self._asked.get()()
        for _ in range(_PASSES if self._calls.asks else 1):
            self._executor.spin_once(timeout_sec=0)
        self._calls.check()
        self._take_snapshot(time.monotonic())

    def _on_instruction(self, message: msg.Instruction) -> None:
        self._instruction = read_instruction(message)

    def _mode(self) -> ControlMode | None:
        """Who moves the robot, if that was heard just now."""
        now = self._snapshot
        known = now.command is not None and not now.command.silent
        listens = time.monotonic() - now.taken_s < COMMAND_SILENT_S
        return now.command.mode if known and listens else None

    def _take_snapshot(self, now_s: float) -> None:
        command, scene = self._command, self._scene
        self._snapshot = Snapshot(
            taken_s=now_s,
            namespace=self._settings.namespace,
            robot=self._nodes.robot,
            command=command.view(now_s),
            mode=command.mode,
            mode_reason=command.mode_reason,
            mode_for_s=command.mode_for_s,
            limits_s=self._limits.limits_s,
            nodes=self._nodes.reports(now_s),
            instruction=self._instruction,
            intervention=command.intervention,
            keyboard=self._keyboard.state(),
            camera=None if scene is None else scene.camera(now_s),
            intent=None if scene is None else scene.intent(now_s),
            asks=self._calls.asks,
            estop_unconfirmed=self._estop.unconfirmed,
            answers=tuple(self._calls.answers),
        )

    # Asking

    def _change_mode(self, mode: ControlMode, what: str, client: Client, request: Any) -> None:
        def read(answer: SetMode.Response | ResetEstop.Response) -> Words:
            if not answer.accepted:
                return Words(answer.reason, False)
            now = ControlMode(answer.mode)
            return Words("accepted" + (f", now {now.name}" if now is not mode else ""), True)

        self._calls.ask(what, client, request, read, NO_COMMAND_NODE)

    def _instruct(self, text: str) -> None:
        def read(answer: SetInstruction.Response) -> Words:
            if not answer.accepted:
                return Words(f"refused: {answer.reason}", False)
            return Words(f"in force as {answer.id}", True)

        request = SetInstruction.Request(text=text)
        nobody = "nobody takes it; is the intent node up?"
        self._calls.ask(f"instruction {text!r}", self._set_instruction, request, read, nobody)

    def _trigger(self, what: str, client, nobody: str, timeout_s: float) -> None:
        def read(answer: Trigger.Response) -> Words:
            return Words(answer.message, answer.success)

        self._asked.put(
            lambda: self._calls.ask(what, client, Trigger.Request(), read, nobody, timeout_s)
        )

    def _take_over(self) -> None:
        refusal = ""
        if not self._beat.is_heard:
            refusal = NO_KEYBOARD
        elif self._command.mode is None:
            refusal = "no command node was heard"
        elif isinstance(row := find_transition(self._command.mode, ControlMode.TELEOP), str):
            refusal = row
        elif not self._keyboard.press():
            refusal = "not before the robot has stopped"
        if refusal:
            self._calls.report(f"taking over: {refusal}")

    def _report_not_held(self) -> None:
        self._asked.put(lambda: self._calls.report(NOT_HELD))
