"""The console's screen: what is shown of the graph."""

from __future__ import annotations

from dataclasses import replace

import pytest
from driven_console import LARGE, SMALL, Console, drive
from scripted_client import node

from vla_core.console.picture_panel import PicturePanel
from vla_core.console.snapshot import Answer, InterventionView, NodeLevel, RecentConstraint
from vla_core.handover.keyboard import HELD_FOR_S
from vla_core.types import ActiveConstraint, ControlMode


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
        assert "nothing is sent, so the robot stops" in console.says("operator")

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
