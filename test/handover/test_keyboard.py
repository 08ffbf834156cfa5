"""A terminal's keys as an operator's device: no release is told, so silence has to be safe."""

from __future__ import annotations

import pytest

from vla_core.handover.keyboard import (
    HELD_FOR_S,
    MOVES_FOR_S,
    SILENT_FOR_S,
    TOLD_RELEASED_S,
    Grip,
    Jog,
    Keyboard,
    Side,
)
from vla_core.handover.load_teleop import load_teleop
from vla_core.handover.teleop_description import TwistAxis
from vla_core.robot.load import load_robot
from vla_core.types import ControlMode

FORWARD = Jog("x", 1)
LEFT, RIGHT = slice(0, 5), slice(5, 10)
REST = (0.0, 0.0, 0.0, 0.0, 0.5)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def press(keyboard: Keyboard, clock: Clock) -> None:
    """What is pressed was let go before: the command node has to hear that, too."""
    assert keyboard.press()
    assert keyboard.beat(ControlMode.HOLD).buttons == (0,)
    clock.now_s += TOLD_RELEASED_S + 0.01
    assert keyboard.press()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyboard(clock: Clock) -> Keyboard:
    return Keyboard(clock)


@pytest.fixture
def held(keyboard: Keyboard, clock: Clock) -> Keyboard:
    """The deadman is held, and the robot is the operator's."""
    press(keyboard, clock)
    assert keyboard.beat(ControlMode.TELEOP).buttons == (1,)
    return keyboard


def test_the_axes_are_those_of_the_shipped_yaml():
    hands = {hand.side: hand for hand in load_teleop("keyboard", load_robot("g1_inspire")).hands}
    axes = (TwistAxis.X, TwistAxis.Y, TwistAxis.Z, TwistAxis.YAW)
    for first, side in ((0, Side.LEFT), (5, Side.RIGHT)):
        hand = hands[side.value]
        assert [hand.target.axes[axis][0] for axis in axes] == [first + k for k in range(4)]
        assert hand.gripper.axis == first + 4
        assert (hand.gripper.open, hand.gripper.closed) == (0.0, 1.0)


def test_before_the_deadman_is_held_nothing_moves_and_nothing_is_said(keyboard):
    assert not keyboard.jog(FORWARD) and not keyboard.close_hand(True)
    assert keyboard.beat(ControlMode.HOLD) is None
    assert keyboard.beat(ControlMode.TELEOP) is None, "another operator has the robot"


def test_a_key_moves_one_hand_for_a_moment(held, clock):
    assert held.jog(FORWARD)
    assert held.beat(ControlMode.TELEOP).axes == REST + (1.0, 0.0, 0.0, 0.0, 0.5)
    clock.now_s += MOVES_FOR_S + 0.01
    assert held.beat(ControlMode.TELEOP) == (REST + REST, (1,))
    assert held.change_side() is Side.LEFT
    assert held.jog(Jog("yaw", -1))
    assert held.beat(ControlMode.TELEOP).axes == (0.0, 0.0, 0.0, -1.0, 0.5) + REST


def test_the_gripper_keeps_what_was_said_and_begins_anew_with_a_press(held, clock):
    assert held.close_hand(True)
    assert held.beat(ControlMode.TELEOP).axes[RIGHT][4] == 1.0
    assert held.beat(ControlMode.TELEOP).axes[LEFT][4] == 0.5
    held.let_go()
    press(held, clock)
    assert held.beat(ControlMode.TELEOP).axes[RIGHT][4] == 0.5


@pytest.mark.parametrize("key", [Keyboard.press, lambda k: k.jog(FORWARD)])
def test_the_deadman_is_held_as_long_as_keys_come(held, clock, key):
    for _ in range(5):
        clock.now_s += 0.9 * HELD_FOR_S
        assert held.beat(ControlMode.TELEOP).buttons == (1,)
        key(held)
    assert held.state().left_s == pytest.approx(HELD_FOR_S)


def test_where_keys_stay_out_it_falls_silent_until_the_robot_is_nobody_s(held, clock):
    clock.now_s += HELD_FOR_S + 0.01
    assert held.beat(ControlMode.TELEOP) is None, "nobody has let go: the policy must not go on"
    assert not held.press(), "not before the robot has stopped"
    clock.now_s += SILENT_FOR_S + 0.01
    for mode in (ControlMode.BLEND, None):
        assert held.beat(mode) is None
    assert held.beat(ControlMode.STOPPING).buttons == (0,)
    assert held.state().grip is Grip.RELEASED and held.press()


def falls_silent_and_stays_so(keyboard: Keyboard, clock: Clock) -> None:
    """Although the robot is heard to be nobody's: what is heard is late, the operator may have it."""
    assert keyboard.beat(ControlMode.HOLD) is None and keyboard.state().grip is Grip.SILENT
    clock.now_s += SILENT_FOR_S - 0.01
    assert not keyboard.press()
    assert keyboard.beat(ControlMode.HOLD) is None, "nobody has let go"
    clock.now_s += 0.02
    assert keyboard.beat(ControlMode.HOLD).buttons == (0,)
    assert keyboard.press()


def test_it_is_silent_for_longer_than_the_command_node_waits_for_its_deadman():
    handover = load_teleop("keyboard", load_robot("g1_inspire")).handover
    assert SILENT_FOR_S > 1.5 * handover.deadman_timeout_s


def test_where_it_is_not_known_who_moves_the_robot_nobody_has_let_go(held, clock):
    clock.now_s += HELD_FOR_S / 2
    assert held.beat(None).buttons == (1,), "else the policy goes on under the operator's hands"
    clock.now_s += HELD_FOR_S
    assert held.beat(None) is None and held.state().grip is Grip.SILENT


def test_letting_go_is_said_for_a_while(held, clock):
    assert held.let_go()
    assert held.beat(ControlMode.TELEOP) == (REST + REST, (0,))
    assert not held.let_go()
    clock.now_s += 1.0
    assert held.beat(ControlMode.TELEOP) is None


def test_who_loses_the_robot_has_to_press_again(held):
    assert held.beat(ControlMode.ESTOP).buttons == (0,)
    assert held.state().grip is Grip.RELEASED


def test_a_press_that_nobody_answers_is_given_up_in_silence(keyboard, clock):
    press(keyboard, clock)
    while keyboard.state().grip is Grip.HELD:
        assert keyboard.press() and keyboard.beat(ControlMode.HOLD).buttons == (1,)
        clock.now_s += 0.3
        given_up = keyboard.beat(ControlMode.HOLD) is None
        assert given_up == (keyboard.state().grip is Grip.SILENT)
    falls_silent_and_stays_so(keyboard, clock)


def test_a_press_that_was_not_answered_yet_is_not_let_go_of_where_keys_stay_out(keyboard, clock):
    press(keyboard, clock)
    clock.now_s += HELD_FOR_S + 0.01
    falls_silent_and_stays_so(keyboard, clock)
