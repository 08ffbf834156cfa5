"""Commands that do not arrive: how far the next one lies ahead of the robot.

The command node does not see whether its commands arrive; it sees where the robot is.
"""

from __future__ import annotations

import numpy as np
from hands_forward import hands_forward
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vla_core.command.command import Command, CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode

PERIOD_NS = 5_000_000
ROBOT = RobotModel.load("g1_inspire")
SAFETY = CommandSafety.of(ROBOT)
#: Joints that swing freely from there.
SWINGING = tuple(ROBOT.joint_names.index(f"{side}_wrist_roll_joint") for side in ("left", "right"))
START = hands_forward(ROBOT)


class CutOffRobot:
    """The command core, and a robot that follows the trajectory it has while it hears of none."""

    def __init__(self) -> None:
        self.core = CommandCore(ROBOT.limits, CommandSettings(), safety=SAFETY)
        self.now_ns = NANOSECONDS
        self.heard: Command | None = None
        self.sequence = 0
        #: Where the robot was as the last command was made.
        self.was = self.position

    @property
    def position(self) -> np.ndarray:
        if self.heard is None:
            return START
        tail = self.heard.tail
        at_s = (self.now_ns - self.heard.motion_ns) / NANOSECONDS
        return np.array([np.interp(at_s, tail.time_s, joint) for joint in tail.position.T])

    def ask(self, mode: ControlMode) -> str:
        return self.core.request_mode(mode, self.now_ns).reason

    def tick(self, *, delivered: bool) -> Command:
        self.now_ns += PERIOD_NS
        self.was = self.position
        self.core.on_joint_state(ROBOT.joint_names, self.was, [], self.now_ns, self.now_ns)
        command = self.core.tick(self.now_ns)
        if delivered and command.active:
            self.heard = command
        return command

    def swing(self, speed: float) -> None:
        """A chunk that swings the joints at `speed` [rad/s], planned from where the command is."""
        self.sequence += 1
        targets = np.tile(self.core_position, (16, 1))
        targets[:, SWINGING] += speed * 0.1 * np.arange(16)[:, None]
        chunk = ActionChunk(
            self.sequence, self.now_ns, self.sequence, 1, self.now_ns, 0.1, ROBOT.joint_names, targets
        )  # fmt: skip
        assert not self.core.on_chunk(chunk, self.now_ns)

    @property
    def core_position(self) -> np.ndarray:
        return self.position if self.heard is None else self.heard.position


def cut_off(speed: float, before: int, gap: int) -> tuple[CutOffRobot, np.ndarray]:
    """Swing for `before` ticks, and on for `gap` ticks that nobody hears.

    Returns:
        The bench, and how far the next command may lie ahead `(dof,)` [rad]: the tracking limit,
        the way of a stop, and that of two ticks, until a measurement has told.
    """
    robot = CutOffRobot()
    robot.tick(delivered=True)
    assert not robot.ask(ControlMode.HOLD) and not robot.ask(ControlMode.POLICY)
    robot.swing(speed)
    for _ in range(before):
        robot.tick(delivered=True)
    way = np.zeros(ROBOT.dof)
    for _ in range(gap):
        command = robot.tick(delivered=False)
        if robot.core.mode is ControlMode.POLICY:
            stop = np.abs(command.tail.position[-1] - command.position)
            way = stop + 2 * np.abs(command.velocity) * PERIOD_NS / NANOSECONDS
    return robot, SAFETY.tracking_stop + way


@given(
    speed=st.floats(0.3, 2.5),
    sign=st.sampled_from([-1, 1]),
    before=st.integers(40, 100),
    gap=st.integers(1, 200),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_next_command_lies_ahead_by_the_tracking_limit_and_a_stop_at_most(
    speed, sign, before, gap
):
    robot, bound = cut_off(sign * speed, before, gap)
    ahead = np.abs(robot.tick(delivered=True).position - robot.was)
    assert (ahead <= bound).all()


def test_the_policy_stays_out_until_the_command_begins_again_where_the_robot_is():
    robot, _ = cut_off(speed=2.5, before=60, gap=300)
    assert robot.core.mode is ControlMode.HOLD and "from its command" in robot.core.mode_reason
    assert "from its command" in robot.ask(ControlMode.POLICY)
    stood = robot.position
    assert not robot.ask(ControlMode.IDLE)
    assert not robot.tick(delivered=True).active
    assert not robot.ask(ControlMode.HOLD)
    first = robot.tick(delivered=True)
    assert first.active and np.abs(first.position - stood).max() < 1e-9
    assert not robot.ask(ControlMode.POLICY)
