"""The scripted expert: a feedback law on the hand's position, followed by inverse kinematics.

Its next motion depends on what it sees alone (hand, blocks, pad, how closed the hand is), never on
time or on a hidden phase, so that from any state it shows how to go on, and a policy that sees the
same can learn it. Uses the simulator's truth.

The hand grasps by friction: palm down and tips lower than the wrist, fingers beyond the block, the
thumb before it. A level palm gets the fingers over the block, not around it.
"""

from __future__ import annotations

import numpy as np
import pinocchio as pin

from vla_core.robot.arm_ik import ArmIk
from vla_core.robot.model import RobotModel
from vla_core.suites.tabletop.layout import BLOCK_HALF, PAD_HALF_HEIGHT, SHOULDER
from vla_core.suites.tabletop.tabletop import TabletopSim

CONTROL_S = 0.02
#: Fastest hand [m/s], and the gain that slows it towards a goal [1/s].
SPEED = 0.32
GAIN = 4.0
#: Fastest finger and fastest arm joint [rad/s]: what the robot's limits let it follow.
FINGER_SPEED, ARM_SPEED = 3.0, 1.5
#: How far the fingers' tips are pitched down, and how far the hand turns from where the arm points
#: to, for the sake of a face of the block [rad].
PITCH, MOST_TURN = 0.52, 0.25
#: The height to travel at, above the table: as high as the arm reaches near the robot [m].
TRAVEL = 0.115
#: Close or open the hand within this distance of the goal; keep it closed within the larger [m].
CLOSE_WITHIN, KEEP_WITHIN = 0.010, 0.03
#: A hand that is closed so far and squeezes nothing is empty.
EMPTY = 0.9
#: After it has let go, the hand draws back so far before it goes up [m].
DRAW_BACK = 0.02


class Expert:
    """Puts the told block on the told pad with the arm on the block's side.

    Args:
        sim: the table that it sees and whose robot it moves.
        gain: slows the hand towards a goal [1/s]. The arm's posture holds the hand back by an error
            that grows with the reach and falls with the gain.
    """

    period_s = CONTROL_S

    def __init__(self, sim: TabletopSim, gain: float = GAIN) -> None:
        self.sim = sim
        self.gain = gain
        self.arms = {side: _Arm(sim.robot, side) for side in sim.hands}
        self.command = sim.robot.ready_pose.copy()

    def reset(self) -> None:
        """Go on from where the robot is."""
        self.command = self.sim.position

    def act(self) -> np.ndarray:
        """Next `(dof,)` joint targets, to be held for `CONTROL_S` [rad]."""
        sim, robot = self.sim, self.sim.robot
        side = sim.layout.side
        arm = self.arms[side]
        goal, closing = self._goal(side)
        if goal is None:
            step = SPEED * 3 * CONTROL_S
            away = robot.ready_pose - self.command
            self.command += np.clip(self.gain * CONTROL_S * away, -step, step)
        else:
            here = arm.position(self.command)
            velocity = self.gain * (goal - here)
            velocity *= min(1.0, SPEED / max(np.linalg.norm(velocity), 1e-9))
            target = here + velocity * CONTROL_S
            self.command = arm.follow(self.command, target, self._turn(arm, target))
        hand = robot.group_indices(robot.end_effectors[side].hand_group)
        effector = robot.end_effectors[side]
        wanted = effector.hand_closed if closing else effector.hand_open
        step = FINGER_SPEED * CONTROL_S
        self.command[hand] += np.clip(wanted - self.command[hand], -step, step)
        return self.command

    def _goal(self, side: str) -> tuple[np.ndarray | None, bool]:
        """Where the grasp frame should go (None: back to the ready pose), and hand closed or not."""
        sim = self.sim
        task = sim.layout.task
        hand = self.arms[side].position(self.command)
        block = sim.body_position(f"{task.block}_block")
        pad = sim.body_position(f"{task.pad}_pad")
        closed = sim.hand_closed(side)
        if sim.held.get(side) == task.block:
            over = pad + (0, 0, PAD_HALF_HEIGHT + BLOCK_HALF + 0.004)
            over = over + (hand - block)
            away = over - hand
            placed = np.linalg.norm(away[:2]) < CLOSE_WITHIN and abs(away[2]) < CLOSE_WITHIN
            return _funnel(hand, over), not placed
        if np.linalg.norm(block[:2] - pad[:2]) < 0.05:  # done: let go, back, up, and to the ready pose
            if closed > 0.1:
                return hand, False
            forward = self.arms[side].forward(self.command)
            behind = (block - hand)[:2] @ forward[:2]
            if np.linalg.norm(hand[:2] - block[:2]) < 0.07 and hand[2] < block[2] + 0.08:
                back = np.clip((DRAW_BACK - behind) / 0.01, 0.0, 1.0)
                return hand + 0.05 * np.array((*(-back * forward[:2]), 1.0 - back)), False
            return None, False
        near = np.linalg.norm(block - hand)
        closing = near < (KEEP_WITHIN if closed > 0.05 else CLOSE_WITHIN)
        if closing:  # on nothing: up, open, and once more
            return block + (0, 0, 2 * KEEP_WITHIN * (closed > EMPTY)), True
        return _funnel(hand, block, least=0.08 * closed), False

    def _turn(self, arm: _Arm, target: np.ndarray) -> float:
        """Where fingers should point: before the grasp to faces of the block, not to edges [rad]."""
        natural = arm.pointing(target)
        if self.sim.held:
            return natural
        rotation = self.sim.data.body(f"{self.sim.layout.task.block}_block").xmat.reshape(3, 3)
        face = np.arctan2(rotation[1, 0], rotation[0, 0]) - natural
        nearest = face - np.round(face / (np.pi / 2)) * np.pi / 2
        return natural + np.clip(nearest, -MOST_TURN, MOST_TURN)


def _funnel(hand: np.ndarray, goal: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Up, across, and down only as the hand comes over the goal; one smooth surface, no phases.

    Args:
        least: so far it stays above the goal in any case [m].
    """
    away = np.linalg.norm(goal[:2] - hand[:2])
    height = max(least, (TRAVEL - goal[2]) * np.clip((away - 0.015) / 0.06, 0.0, 1.0))
    low = goal[2] + height - hand[2]
    across = np.clip(1.0 - (low - 0.02) / 0.03, 0.0, 1.0)
    return np.array((*(hand[:2] + across * (goal[:2] - hand[:2])), goal[2] + height))


class _Arm:
    """One arm: the grasp frame, where a held block's centre is, follows; the palm is down."""

    def __init__(self, robot: RobotModel, side: str) -> None:
        # The palm faces -y on the left hand, +y on the right: roll it down about x, and pitch the
        # fingers' tips down.
        sign = 1.0 if side == "left" else -1.0
        self._ik = ArmIk(
            robot, side, orientation_cost=0.3, posture_cost=2e-3, posture_gain=GAIN * CONTROL_S
        )
        self._palm_down = pin.rpy.rpyToMatrix(sign * np.pi / 2, PITCH, 0.0)
        self._shoulder = sign * SHOULDER

    def position(self, command: np.ndarray) -> np.ndarray:
        """`(3,)` grasp frame in the base frame at `(dof,)` joint positions [m]."""
        return self._ik.pose(command).translation.copy()

    def forward(self, command: np.ndarray) -> np.ndarray:
        """`(3,)` level direction in which the fingers point at `(dof,)` joint positions."""
        x, y, _ = self._ik.pose(command).rotation[:, 0]
        return np.array((x, y, 0.0)) / np.hypot(x, y)

    def pointing(self, target: np.ndarray) -> float:
        """Where the fingers point at `target` `(3,)`: away from the shoulder [rad]."""
        return float(np.arctan2(target[1] - self._shoulder, target[0]))

    def follow(self, command: np.ndarray, target: np.ndarray, yaw: float) -> np.ndarray:
        """Joint targets, `(dof,)`, that take the grasp frame to `target` `(3,)` [m], fingers pointing
        to `yaw` [rad].
        """
        here = self._ik.pose(command).rotation
        wanted = pin.rpy.rpyToMatrix(0, 0, yaw) @ self._palm_down
        turned = here @ pin.exp3(GAIN * CONTROL_S * pin.log3(here.T @ wanted))
        return self._ik.follow(command, pin.SE3(turned, target), CONTROL_S, ARM_SPEED)
