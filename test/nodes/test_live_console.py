"""The console, driven by keys, on the live graph with the simulated robot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2 in this Python")

from live import TIMEOUT_S, Live, free_domain
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static
from whole_graph import bring_up

from vla_core.console.app import ConsoleApp
from vla_core.console.snapshot import Snapshot
from vla_core.console.streams import Standing, streams
from vla_core.robot.load import load_robot
from vla_core.types import ControlMode
from vla_msgs import msg
from vla_nodes.programs.console.live_client import ClientSettings, LiveClient
from vla_nodes.wire import topics

NODES = {
    "recorder_node": ("last_s:=5.0", "last_mb:=64", "continuous:=false"),
    "sim_robot_node": (),
    "camera_node": ("simulated:=true",),
    "intent_node": (),
    "action_node": (),
    "command_node": ("teleop:=keyboard",),
    "teleop_node": ("teleop:=keyboard", "operator:=alice"),
}
RIGHT_ARM = load_robot("g1_inspire").groups["right_arm"]
OF_THE_POLICY = ("recorder_node", "camera_node", "intent_node", "action_node")
KEY_PERIOD_S = 0.05
#: Keys of a hand that moves at 0.1 m/s.
JOGS = 30
MOST_TRIES = 5


@dataclass
class Driven:
    """A console whose keys a test presses."""

    pilot: Pilot
    client: LiveClient

    @property
    def now(self) -> Snapshot:
        return self.client.snapshot()

    def says(self, panel: str) -> str:
        return str(self.pilot.app.query_one(f"#{panel}", Static).content)

    async def until(
        self,
        done: Callable[[], object],
        what: str,
        each: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Wait for something that is to be seen; `each` is done in between."""
        end_s = time.monotonic() + TIMEOUT_S
        while not done():
            screen = "\n".join(self.says(p) for p in ("header", "mode", "nodes", "answers"))
            assert time.monotonic() < end_s, f"not within {TIMEOUT_S} s: {what}\n{screen}"
            if each is not None:
                await each()
            await asyncio.sleep(KEY_PERIOD_S)

    async def press(self, key: str) -> None:
        """As the pilot does, but for its wait until nothing in this process computes: the client's
        thread always does, and the deadman would be lost meanwhile."""
        character = key if len(key) == 1 else None
        self.pilot.app.post_message(events.Key("space" if key == " " else key, character))
        await asyncio.sleep(KEY_PERIOD_S)

    async def until_mode(self, mode: ControlMode, key: str = "") -> None:
        """Wait for a mode, on the screen; `key` is pressed again and again, as if held."""
        await self.until(
            lambda: f" {mode.name} " in self.says("mode").split("\n")[0],
            f"mode {mode.name}",
            each=(lambda: self.press(key)) if key else None,
        )

    async def until_reason(self, reason: str) -> None:
        """Wait for why the mode is what it is, on the screen: it comes on another topic than what
        the command node does each tick, which may be heard first."""
        await self.until_says("mode", reason)

    async def until_says(self, panel: str, words: str) -> None:
        """Wait for words in a panel: what is drawn comes after what the client has heard."""
        await self.until(lambda: words in " ".join(self.says(panel).split()), words)


def drive(domain: int, script: Callable[[Driven], Awaitable[None]]) -> None:
    """A console of its own, left at the end."""

    async def run() -> None:
        with LiveClient(ClientSettings("alice", domain_id=domain)) as client:
            async with ConsoleApp(client).run_test(size=(120, 40)) as pilot:
                await script(Driven(pilot, client))

    asyncio.run(run())


@pytest.fixture(scope="module")
def up(live: Live, policy) -> Iterator[Live]:
    """The whole graph, with a recorder that keeps the last seconds, and the keyboard's operator."""
    for name, given in NODES.items():
        if name in OF_THE_POLICY:
            given += (f"policy:={policy}",)
        if name == "recorder_node":
            given += (f"folder:={live.logs / 'bags'}",)
        parameters = [word for one in given for word in ("-p", one)]
        live.start(name, *(["--ros-args", *parameters] if parameters else []))
    live.listen(msg.SafetyStatus, topics.SAFETY_STATUS)
    bring_up(live, NODES)
    yield live


def right_arm(up: Live) -> np.ndarray:
    """Where it is commanded to be now; the policy moves the left elbow alone."""
    before = up.counts[topics.SAFETY_STATUS]
    up.wait_until(lambda: up.counts[topics.SAFETY_STATUS] > before + 100, "a new tick")
    status = up.newest[topics.SAFETY_STATUS]
    places = [k for k, name in enumerate(status.joint_names) if name in RIGHT_ARM]
    return np.array(status.commanded)[places]


async def to_hold(console: Driven) -> None:
    """From wherever the test before has left the robot."""
    await console.until(lambda: console.now.mode is not None, "a mode")
    if console.now.mode is not ControlMode.HOLD:
        await console.until_mode(ControlMode.HOLD, key="f2")


def test_without_a_graph_it_waits_and_says_for_what():
    async def script(console: Driven) -> None:
        assert "waits for the command node" in console.says("header")
        await console.press("f2")
        await console.until(
            lambda: "nobody offers it; is the command node up?" in console.says("answers"),
            "who does not answer",
        )

    drive(free_domain(), script)


def test_an_instruction_is_typed_and_the_policy_follows_it(up):
    async def type_it(console: Driven) -> None:
        """As a person does who is told that the intent node has not been found yet."""
        if not console.now.asks:
            for key in ("enter", *"wave the elbow", "enter"):
                await console.press(key)

    async def script(console: Driven) -> None:
        await to_hold(console)
        await console.until(
            lambda: "wave the elbow" in console.says("instruction"),
            "it is in force",
            each=lambda: type_it(console),
        )
        await console.until_mode(ControlMode.POLICY, key="f3")

        def fresh() -> bool:
            rows = {row.name: row for row in streams(console.now)}
            return all(
                rows[name].standing is Standing.FRESH and rows[name].rate_hz and rows[name].limit_s
                for name in (
                    "joint command",
                    "joint states",
                    "observation",
                    "intent",
                    "action chunk",
                )
            )

        await console.until(fresh, "rates, ages and limits of all streams")
        await console.until(lambda: console.now.camera is not None, "a picture")
        assert console.now.camera.pixels.shape == (64, 64, 3)

    drive(up.domain, script)


def test_the_space_bar_stops_the_robot_and_only_a_reset_frees_it(up):
    async def script(console: Driven) -> None:
        await to_hold(console)
        await console.until_mode(ControlMode.POLICY, key="f3")
        await console.press("space")
        await console.until_mode(ControlMode.ESTOP)
        await console.until(lambda: not console.now.estop_unconfirmed, "it is confirmed")
        await console.press("f3")
        await console.until(
            lambda: "POLICY cannot follow ESTOP" in console.says("answers"), "why not"
        )
        await console.press("f2")
        await console.until(
            lambda: "HOLD cannot follow ESTOP" in console.says("answers"), "HOLD is no reset"
        )
        await console.until_mode(ControlMode.HOLD, key="f5")
        await console.until_reason("reset by alice")

    drive(up.domain, script)


def test_the_keyboard_takes_over_moves_a_hand_and_gives_back(up):
    async def take_over_and_give_back(console: Driven) -> tuple[str, ControlMode]:
        """Why the intervention ended, and who moves the robot then: a machine that is too busy for
        the keys loses the deadman; one too busy for the policy has stopped it before the press, and
        a takeover from HOLD goes back to HOLD."""
        if console.now.mode is not ControlMode.POLICY:
            await to_hold(console)
            await console.until_mode(ControlMode.POLICY, key="f3")
        await console.until_mode(ControlMode.TELEOP, key="f4")
        await console.until_says("operator", "alice with keyboard has the robot")
        for _ in range(JOGS):
            await console.press("w")
        await console.press("f3")
        await console.until(lambda: console.now.intervention.over, "the intervention is over")
        back = (ControlMode.POLICY, ControlMode.HOLD)
        await console.until(lambda: console.now.mode in back, "the policy or nobody has it")
        return console.now.intervention.end_cause, console.now.mode

    async def script(console: Driven) -> None:
        given_back = ("alice with keyboard let go", ControlMode.POLICY)
        tries = [await take_over_and_give_back(console)]
        while tries[-1] != given_back and len(tries) < MOST_TRIES:
            tries.append(await take_over_and_give_back(console))
        assert tries[-1] == given_back, tries
        await console.until_says("operator", "keyboard let go")

    begin = right_arm(up)
    drive(up.domain, script)
    assert np.abs(right_arm(up) - begin).max() > 0.05


def test_where_keys_stay_out_the_robot_stops_and_holds(up):
    async def script(console: Driven) -> None:
        await to_hold(console)
        await console.until_mode(ControlMode.TELEOP, key="f4")
        await console.until_mode(ControlMode.HOLD)
        await console.until_reason("the deadman of alice with keyboard was last heard")

    drive(up.domain, script)


def test_leaving_lets_go_of_the_keyboard_and_changes_nothing_else(up):
    async def take_over(console: Driven) -> None:
        await to_hold(console)
        await console.until_mode(ControlMode.TELEOP, key="f4")

    async def look(console: Driven) -> None:
        await console.until_mode(ControlMode.HOLD)
        await console.until_reason("the deadman of alice with keyboard was last heard")
        await console.until_mode(ControlMode.POLICY, key="f3")

    async def look_again(console: Driven) -> None:
        await console.until_mode(ControlMode.POLICY)

    for script in (take_over, look, look_again):
        drive(up.domain, script)


def test_the_last_seconds_are_saved_where_it_says(up):
    async def script(console: Driven) -> None:
        await console.until(lambda: console.now.mode is not None, "a mode")
        await console.until(
            lambda: any(answer.good for answer in console.now.answers),
            "an answer",  # refused as long as what a takeover had saved is being written
            each=lambda: console.press("f6"),
        )
        saved = next(answer.text for answer in console.now.answers if answer.good)
        assert saved.startswith(f"saving the last seconds: {up.logs / 'bags'}")
        assert saved.endswith("_saved")

    drive(up.domain, script)
