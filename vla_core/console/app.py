"""The screen: draws snapshots a few times a second, turns keys into what is asked of the client."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from vla_core.console import keys, panels
from vla_core.console.console_client import ConsoleClient
from vla_core.console.picture_panel import PicturePanel
from vla_core.types import ControlMode

#: An entry in which nothing was typed for so long is left: the space bar stops the robot again [s].
ENTRY_LEFT_AFTER_S = 15.0


class ConsoleApp(App[None]):
    """One operator's console.

    Args:
        client: the graph.
        fps: how often the screen is drawn anew [Hz].
        pictures: whether camera and foresight are shown, where there is room.
        why_no_colours: why they are told in words alone; empty: they are drawn.
        clock_s: steady time, that of the snapshots [s].
    """

    CSS = """
    Screen { layout: horizontal; }
    #left { width: 1fr; }
    #header, #banner, #instruction { height: 1; }
    #header, #banner, #instruction, PicturePanel { text-wrap: nowrap; text-overflow: ellipsis; }
    #banner { background: #c00000; }
    #mode { height: 5; }
    #middle { height: 7; }
    #rates { width: 48; }
    #constraints { width: 1fr; }
    #rates, #constraints { height: 100%; }
    #operator { height: 3; }
    #nodes { height: 1; }
    #help { height: 2; }
    .-roomy #mode, .-tall #mode { height: 7; }
    .-roomy #middle, .-tall #middle { height: 9; }
    .-roomy #nodes, .-tall #nodes { height: 2; }
    #entry { height: 1; border: none; padding: 0; }
    #answers { height: 1fr; min-height: 1; }
    #below, #beside { display: none; }
    #below { height: 1fr; min-height: 14; }
    #below > * { width: 1fr; height: 1fr; }
    #beside { width: 46; padding: 0 0 0 1; }
    #beside > * { height: 1fr; }
    .-wide #beside { display: block; }
    .-tall #below { display: block; }
    .-tall #answers { height: 4; }
    .-wide.-tall #below { display: none; }
    .-wide.-tall #answers { height: 1fr; }
    .-without-pictures #beside, .-without-pictures #below { display: none; }
    """
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [
        (0, "-low"),
        (30, "-roomy"),
        (38, "-tall"),
    ]
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys.ESTOP, "estop", show=False),
        *(Binding(key, "estop", show=False, priority=True) for key in keys.ESTOP_WHILE_TYPING),
        *(
            Binding(key, f"ask_mode('{mode.name}')", show=False, priority=True)
            for key, mode in keys.MODES.items()
        ),
        Binding(keys.RESET, "reset_estop", show=False, priority=True),
        Binding("f6", "save", show=False, priority=True),
        Binding("f7", "ready", show=False, priority=True),
        Binding("f9", "next_camera", show=False, priority=True),
        Binding("enter", "type", show=False),
        Binding("escape", "stop_typing", show=False, priority=True),
        Binding("tab", "nothing", show=False, priority=True),
        Binding("shift+tab", "nothing", show=False, priority=True),
        Binding("ctrl+q", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        client: ConsoleClient,
        fps: float = 5.0,
        pictures: bool = True,
        why_no_colours: str = "",
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._client = client
        self._period_s = 1.0 / fps
        self._pictures = pictures
        self._why_no_colours = why_no_colours
        self._clock_s = clock_s
        self._typed_s = 0.0
        self._drawn: dict[str, object] = {}

    def compose(self) -> ComposeResult:
        """Every panel; two places for the pictures, as the terminal has room."""
        with Vertical(id="left"):
            yield Static(id="header")
            yield Static(id="banner")
            yield Static(id="mode")
            with Horizontal(id="middle"):
                yield Static(id="rates")
                yield Static(id="constraints")
            yield Static(id="operator")
            yield Static(id="instruction")
            yield Input(id="entry", placeholder="Enter: type an instruction", max_length=1000)
            yield Static(id="nodes")
            with Horizontal(id="below"):
                yield PicturePanel("camera", self._why_no_colours, classes="camera")
                yield PicturePanel("foresight", self._why_no_colours, classes="intent")
            yield Static(id="answers")
            yield Static(id="help")
        with Vertical(id="beside"):
            yield PicturePanel("camera", self._why_no_colours, classes="camera")
            yield PicturePanel("foresight", self._why_no_colours, classes="intent")

    def on_mount(self) -> None:
        """Begin to draw; who ends the process by SIGTERM gets the terminal back as it was."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        self.screen.set_class(not self._pictures, "-without-pictures")
        self.set_interval(self._period_s, self.draw)
        self.draw()

    # Drawing

    def draw(self) -> None:
        """Draw what is known now."""
        if not self.is_running:
            return  # the screen is being taken down
        self._leave_forgotten_entry()
        taken = self._client.snapshot()
        stands_s = max(0.0, self._clock_s() - taken.taken_s)
        now = taken.older_by(stands_s)
        clock = datetime.now().strftime("%H:%M:%S")
        self._show("header", panels.header(now, stands_s, clock))
        self._show("banner", panels.banner(now, self.typing))
        for panel in (panels.mode, panels.rates, panels.constraints, panels.operator,
                      panels.instruction, panels.nodes, panels.answers):  # fmt: skip
            self._show(panel.__name__, panel(now))
        self._show("help", panels.help_keys())
        for panel in self.query(PicturePanel):
            if panel.display and panel.size.height:
                panel.show(now.camera if panel.has_class("camera") else now.intent)

    def _show(self, name: str, drawn: RenderableType) -> None:
        """Renew a panel if it has changed: over ssh, what stays need not be sent again."""
        if self._drawn.get(name) != drawn:
            self._drawn[name] = drawn
            self.query_one(f"#{name}", Static).update(drawn, layout=False)

    # The entry

    @property
    def typing(self) -> bool:
        """Whether an instruction is being typed."""
        return isinstance(self.screen.focused, Input)

    def action_type(self) -> None:
        """Open the entry."""
        self._typed_s = self._clock_s()
        self.screen.set_focus(self.query_one("#entry", Input))
        self.draw()

    def action_stop_typing(self) -> None:
        """Leave the entry as it is: the space bar stops the robot again."""
        self.screen.set_focus(None)
        self.draw()

    def on_input_changed(self) -> None:
        """Somebody types."""
        self._typed_s = self._clock_s()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Put what was typed in force."""
        text = event.value.strip()
        if text:
            self._client.instruct(text)
            event.input.clear()
        self.action_stop_typing()

    def _leave_forgotten_entry(self) -> None:
        if self.typing and self._clock_s() - self._typed_s > ENTRY_LEFT_AFTER_S:
            self.screen.set_focus(None)

    # What is asked for

    def action_estop(self) -> None:
        """Press the emergency stop."""
        self._client.estop()
        self.draw()

    def action_reset_estop(self) -> None:
        """Reset the emergency stop."""
        self._client.reset_estop()

    def action_ask_mode(self, name: str) -> None:
        """Ask for a mode: TELEOP by the deadman; POLICY by letting go of it, if it is held."""
        mode = ControlMode[name]
        if mode is ControlMode.TELEOP:
            self._client.take_over()
        elif mode is not ControlMode.POLICY or not self._client.let_go():
            self._client.ask_mode(mode)

    def action_save(self) -> None:
        """Save the last seconds."""
        self._client.save_recording()

    def action_ready(self) -> None:
        """Go to the ready pose."""
        self._client.go_ready()

    def action_next_camera(self) -> None:
        """Show another camera."""
        self._client.next_camera()

    def action_nothing(self) -> None:
        """The entry is opened by Enter alone."""

    def on_key(self, event: events.Key) -> None:
        """Letters move a hand, unless they are typed."""
        if self.typing:
            return
        key = event.key.lower()
        if key in keys.JOGS:
            self._client.jog(keys.JOGS[key])
        elif key in (keys.OPEN_HAND, keys.CLOSE_HAND):
            self._client.close_hand(key == keys.CLOSE_HAND)
        elif key == keys.OTHER_HAND:
            self._client.change_side()
