"""The screen, driven by keys: what they ask for, and what is shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from scripted_client import ScriptedClient, node
from textual.pilot import Pilot
from textual.widgets import Static

from vla_core.console.app import ENTRY_LEFT_AFTER_S, ConsoleApp
from vla_core.console.picture_panel import PicturePanel
from vla_core.console.snapshot import Answer, InterventionView, NodeLevel, RecentConstraint
from vla_core.handover.keyboard import HELD_FOR_S, Grip, Jog
from vla_core.types import ActiveConstraint, ControlMode

SMALL, LARGE = (80, 24), (130, 40)


class Console:
    """An app, the client under it, and what is on its screen."""

    def __init__(self, pilot: Pilot, client: ScriptedClient) -> None:
        self.pilot, self.client = pilot, client
        self.app: ConsoleApp = pilot.app

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def draw(self) -> None:
        self.app.draw()
        await self.pilot.pause()

    def says(self, panel: str) -> str:
        return str(self.app.query_one(f"#{panel}", Static).content)

    def screen(self) -> str:
        """All characters that are on the terminal."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in lines)


def drive(script: Callable[[Console], Awaitable[None]], size=SMALL, **given) -> ScriptedClient:
    client = ScriptedClient()

    async def run() -> None:
        app = ConsoleApp(client, clock_s=client.clock_s, **given)
        async with app.run_test(size=size) as pilot:
            await script(Console(pilot, client))

    asyncio.run(run())
    return client


# Keys


ONE_EACH = {
    "space": ("estop",),
    "ctrl+e": ("estop",),
    "f12": ("estop",),
    "f2": ("mode", ControlMode.HOLD),
    "f3": ("mode", ControlMode.POLICY),
    "f8": ("mode", ControlMode.IDLE),
    "f5": ("reset",),
    "f6": ("save",),
    "f7": ("ready",),
    "f9": ("camera",),
    "f4": ("take over",),
}


def test_a_key_asks_for_one_thing():
    async def script(console: Console) -> None:
        await console.press(*ONE_EACH)

    assert drive(script).asked == list(ONE_EACH.values())


def test_an_instruction_has_spaces_and_only_enter_puts_it_in_force():
    async def script(console: Console) -> None:
        await console.press("enter", *"put it", "space", *"down")
        assert console.client.asked == []
        await console.press("enter")
        assert not console.app.typing
        await console.press("space")

    assert drive(script).asked == [("instruct", "put it down"), ("estop",)]


def test_the_emergency_stop_works_while_an_instruction_is_typed():
    async def script(console: Console) -> None:
        await console.press("enter", *"pick up", "ctrl+e")
        assert "E-STOP IS SENT, NOT CONFIRMED" in console.says("banner")
        assert console.app.typing
        await console.press("f12")

    assert drive(script).asked == [("estop",), ("estop",)]


def test_the_screen_says_which_key_stops_the_robot_now():
    async def script(console: Console) -> None:
        assert "SPACE: E-STOP" in console.says("banner")
        await console.press("enter")
        assert "Ctrl-E or F12: E-STOP (the space bar types)" in console.says("banner")
        await console.press("escape")
        assert "SPACE: E-STOP" in console.says("banner")
        assert "The hardware button comes first" in console.screen()

    drive(script)


def test_an_entry_that_is_forgotten_gives_the_space_bar_back():
    async def script(console: Console) -> None:
        await console.press("enter", "a")
        console.client.passes(ENTRY_LEFT_AFTER_S - 1)
        await console.draw()
        assert console.app.typing
        console.client.passes(2)
        await console.draw()
        assert not console.app.typing
        await console.press("space")

    assert drive(script).asked == [("estop",)]


def test_an_empty_entry_changes_nothing_and_neither_does_tab():
    async def script(console: Console) -> None:
        await console.press("enter", "enter", "tab", "shift+tab")
        assert not console.app.typing

    assert drive(script).asked == []


def test_a_text_that_is_typed_with_no_entry_open_moves_nothing_and_stops_the_robot():
    async def script(console: Console) -> None:
        await console.press(*"wave the")

    asked = drive(script).asked
    assert ("estop",) in asked
    assert {one[0] for one in asked} == {"jog", "estop"}
    assert not any(one[-1] for one in asked if one[0] == "jog"), "the robot was not taken over"


def test_letters_move_a_hand_once_it_was_taken_over_and_f3_lets_go():
    async def script(console: Console) -> None:
        await console.press("f4", "w", "l", "g", "o", "f")
        await console.press("f3")
        assert console.client.keyboard.state().grip is Grip.RELEASED
        await console.press("f3")

    asked = drive(script).asked
    assert asked[:5] == [
        ("take over",),
        ("jog", Jog("x", 1), True),
        ("jog", Jog("yaw", -1), True),
        ("close", True, True),
        ("close", False, True),
    ]
    assert asked[-2:] == [("let go",), ("mode", ControlMode.POLICY)]


def test_leaving_asks_for_nothing():
    async def script(console: Console) -> None:
        await console.press("f4", "ctrl+q")
        await console.pilot.pause()

    assert drive(script).asked == [("take over",)]


# What is shown


def test_the_mode_says_why_and_what_may_follow_by_which_key():
    async def script(console: Console) -> None:
        mode = console.says("mode")
        assert "POLICY  for 12 s: asked for" in mode
        assert "F4 TELEOP, by way of BLEND, if nobody else publishes a command topic" in mode
        assert "; the operator holds the deadman" in mode
        assert "F2 HOLD, by way of STOPPING" in mode
        console.client.show_command(mode=ControlMode.BLEND)
        console.client.show(mode=ControlMode.BLEND, mode_reason="alice takes over")
        await console.draw()
        assert "by itself TELEOP: once the command has come to the operator's" in console.says(
            "mode"
        )
        console.client.show(mode=ControlMode.ESTOP, mode_reason="vla/estop said so")
        await console.draw()
        assert "F5 RESET, to HOLD, if" in console.says("mode")
        assert "F2" not in console.says("mode")

    drive(script)


def test_ages_stand_beside_their_limits_and_what_is_too_old_is_said():
    async def script(console: Console) -> None:
        assert "observation    29.8 210 ms  1.0 s fresh" in console.screen()
        ages_s = {"observation": 1.4, "intent": 0.5, "chunk": -1.0}
        console.client.show_command(ages_s=ages_s)
        await console.draw()
        screen = console.screen()
        assert "observation    29.8  1.4 s  1.0 s too old" in screen
        assert "action chunk    3.3      - 900 ms none yet" in screen
        console.client.show_command(mode=ControlMode.HOLD)
        console.client.show(mode=ControlMode.HOLD)
        await console.draw()
        assert "observation    29.8  1.4 s  1.0 s not followed" in console.screen()

    drive(script)


def test_what_the_safety_filter_does_is_said_in_words_and_for_how_long_ago():
    async def script(console: Console) -> None:
        told = console.says("constraints")
        assert "now: right elbow at its position limit, by 0.12" in told
        assert "900 ms ago: slowed along its path to 75 %" in told
        console.client.show_command(constraints=())
        await console.draw()
        assert "passes everything unchanged" in console.says("constraints")

    drive(script)


def test_a_command_node_that_falls_silent_leaves_nothing_that_looks_fresh():
    async def script(console: Console) -> None:
        assert "live" in console.says("header")
        console.client.show_command(heard_s=3.2)
        await console.draw()
        assert "COMMAND NODE SILENT for 3.2 s" in console.says("header")
        assert "was said last; not known now" in console.says("mode")
        assert "not known: the command node is not heard" in console.says("constraints")
        screen = console.screen()
        assert "joint command     -  3.2 s 500 ms too old" in screen
        assert "observation    29.8      -  1.0 s not told" in screen

    drive(script)


def test_before_a_graph_is_there_it_says_what_it_waits_for():
    async def script(console: Console) -> None:
        console.client.show(command=None, mode=None, nodes=(), instruction=None, robot="",
                            camera=None, intent=None, limits_s={}, namespace="left")  # fmt: skip
        await console.draw()
        assert "waits for the command node" in console.says("header")
        assert "nothing was heard on /left/vla/safety_status yet" in console.says("mode")
        assert "none was heard" in console.says("nodes")

    drive(script)


def test_where_the_client_stands_still_everything_grows_old():
    async def script(console: Console) -> None:
        console.client.time_s += 3.0
        await console.draw()
        assert "CONSOLE STANDS STILL for 3.0 s" in console.says("header")
        assert "was said last; not known now" in console.says("mode")
        assert "camera_node silent for 3.4 s" in console.says("nodes")
        screen = console.screen()
        assert "joint states      -      - 100 ms not told" in screen
        assert "camera: the last one came 3.1 s ago" in screen

    drive(script, LARGE)


def test_a_refusal_is_shown_with_its_reason():
    async def script(console: Console) -> None:
        console.client.refusal = "POLICY: joint state is 0.412 s old, limit 0.1 s"
        await console.press("f3")
        await console.draw()
        assert "12:00:00  POLICY: joint state is 0.412 s old, limit 0.1 s" in console.screen()

    drive(script)


def test_nodes_that_lack_something_or_are_silent_are_named():
    async def script(console: Console) -> None:
        assert console.says("nodes") == "nodes  4 run"
        waits = node("camera_node", NodeLevel.WARN, "waiting for /head_camera/image_raw")
        console.client.show(nodes=(*console.client.now.nodes[1:], waits))
        await console.draw()
        told = console.says("nodes")
        assert "camera_node: waiting for /head_camera/image_raw" in told and "3 run" in told

    drive(script)


def test_constraints_that_come_later_have_room_on_the_screen():
    async def script(console: Console) -> None:
        both = console.client.now.command.constraints
        console.client.show_command(constraints=())
        await console.draw()
        console.app.screen.refresh(layout=True)  # as when the terminal is resized
        await console.pilot.pause()
        console.client.show_command(constraints=both)
        await console.draw()
        assert "by 0.12" in console.screen() and "path to 75 %" in console.screen()

    drive(script)


def test_how_far_the_operator_is_away_is_shown():
    async def script(console: Console) -> None:
        far = ActiveConstraint("operator_distance", "left_elbow_joint", 0.32)
        console.client.show_command(constraints=(RecentConstraint(far, 0.01),))
        console.client.show(
            intervention=InterventionView("alice", "leader", "takes over", "", over=False)
        )
        await console.draw()
        told = console.says("operator")
        assert "alice with leader has the robot" in told
        assert "0.32 away at the left elbow ######" in told

    drive(script)


def test_the_deadman_says_for_how_long_it_is_held_and_when_it_is_lost():
    async def script(console: Console) -> None:
        await console.press("f4")
        console.client.passes(0.4)
        await console.draw()
        held = f"keyboard moves the right hand; held for {HELD_FOR_S - 0.4:.1f} s more"
        assert held in console.says("operator")
        console.client.passes(1.0)
        console.client.keyboard.beat(ControlMode.TELEOP)
        await console.draw()
        assert "no key came: the robot stops" in console.says("operator")

    drive(script)


# Room and colours


@pytest.mark.parametrize(
    ("size", "given", "pictures"),
    [
        (SMALL, {}, 0),
        (LARGE, {}, 2),
        ((90, 40), {}, 2),
        (LARGE, {"pictures": False}, 0),
    ],
)
def test_pictures_are_shown_where_there_is_room_and_they_are_wanted(size, given, pictures):
    async def script(console: Console) -> None:
        await console.draw()
        shown = [panel for panel in console.app.query(PicturePanel) if panel.size.height]
        assert len(shown) == pictures
        screen = console.screen()
        assert ("▄" in screen) == bool(pictures)
        assert ("most upper left: 0.31, dark 0 to bright 0.42" in screen) == bool(pictures)

    drive(script, size, **given)


def test_where_the_terminal_has_no_colours_the_foresight_is_told_in_words():
    async def script(console: Console) -> None:
        await console.draw()
        screen = console.screen()
        assert "16 colours" in screen and "most upper left" in screen and "▄" not in screen

    drive(script, LARGE, why_no_colours="16 colours")


def test_an_old_picture_is_not_shown_as_a_new_one():
    async def script(console: Console) -> None:
        await console.draw()
        client = console.client
        for name in ("camera", "intent"):
            old = client.now.__getattribute__(name)
            client.show(**{name: type(old)(**{**vars(old), "age_s": 4.0})})
        await console.draw()
        screen = console.screen()
        assert "camera: the last one came 4.0 s ago" in screen
        assert "foresight: the last one came 4.0 s ago" in screen and "▄" not in screen

    drive(script, LARGE)


def test_an_intent_without_a_picture_is_shown_in_words():
    async def script(console: Console) -> None:
        intent = console.client.now.intent
        for caption in ("cup, handle", "cup, lid"):
            shown = replace(intent, camera="", pixels=None, caption=caption)
            console.client.show(intent=shown)
            await console.draw()
            assert "foresight, 1.2 s ahead" in console.screen()
            assert caption in console.screen()

    drive(script, LARGE)


def test_everything_fits_a_terminal_of_80_by_24():
    async def script(console: Console) -> None:
        last = Answer(1, "12:00:00", "HOLD: accepted", True)
        console.client.show(answers=(last,))
        await console.press("f4")
        await console.draw()
        lines = console.screen().split("\n")
        assert len(lines) == 24
        for words in ("SPACE: E-STOP", "POLICY", "joint command", "safety filter", "operator",
                      "put the red block", "Enter: type", "4 run", "HOLD: accepted",
                      "F4 take over", "Ctrl-Q leave"):  # fmt: skip
            assert any(words in line for line in lines), words

    drive(script)
