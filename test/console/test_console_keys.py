"""Keys of the console: what they ask for."""

from __future__ import annotations

from driven_console import Console, drive

from vla_core.console.app import ENTRY_LEFT_AFTER_S
from vla_core.handover.keyboard import Grip, Jog
from vla_core.types import ControlMode

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
