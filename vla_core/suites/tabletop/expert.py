"""The scripted expert: a feedback law on the hand's position, followed by inverse kinematics.

Its next motion depends on what it sees alone (hand, block, pad, how closed the hand is), never on
time or on a hidden phase, so that from any state it shows how to go on, and a policy that sees the
same can learn it. Uses the simulator's truth.
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
#: Grasp frame above the block's centre when grasping, and the height to travel at [m].
GRASP_ABOVE = 0.020
TRAVEL = 0.11
#: Close or open the hand within this distance of the goal; keep it closed within the larger [m].
CLOSE_WITHIN, KEEP_WITHIN = 0.014, 0.03


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
            self.command = arm.follow(self.command, here + velocity * CONTROL_S)
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
            goal = _funnel(hand, over)
            away = np.linalg.norm(over[:2] - hand[:2])
            low = over[2] + TRAVEL - hand[2]
            if away > 0.05 and low > 0.03:  # first up, then across
                across = np.clip(1.0 - (low - 0.03) / 0.04, 0.0, 1.0)
                goal[:2] = hand[:2] + across * (goal[:2] - hand[:2])
            placed = away < CLOSE_WITHIN and abs(hand[2] - over[2]) < CLOSE_WITHIN
            return goal, not placed
        if np.linalg.norm(block[:2] - pad[:2]) < 0.05:  # done: let go, up, and back
            if closed > 0.1:
                return hand, False
            if np.linalg.norm(hand[:2] - block[:2]) < 0.05 and hand[2] < 0.1:
                return hand + (0, 0, 0.06), False
            return None, False
        over = block + (0, 0, GRASP_ABOVE)
        near = np.linalg.norm(over - hand)
        closing = near < (KEEP_WITHIN if closed > 0.05 else CLOSE_WITHIN)
        return _funnel(hand, over), closing


def _funnel(hand: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Come down only as the hand comes over the goal; one smooth surface, no phases."""
    away = np.linalg.norm(goal[:2] - hand[:2])
    height = TRAVEL * np.clip((away - 0.015) / 0.06, 0.0, 1.0)
    return goal + np.array((0.0, 0.0, height))


class _Arm:
    """One arm: the grasp frame follows, palm down."""

    def __init__(self, robot: RobotModel, side: str) -> None:
        self._ik = ArmIk(robot, side, orientation_cost=0.04)
        # The palm faces -y on the left hand, +y on the right: roll it down about x, and let the
        # fingers point away from the shoulder.
        sign = 1.0 if side == "left" else -1.0
        self._palm_down = pin.rpy.rpyToMatrix(sign * np.pi / 2, 0.0, 0.0)
        self._shoulder = sign * SHOULDER

    def position(self, command: np.ndarray) -> np.ndarray:
        """`(3,)` grasp frame in the base frame at `(dof,)` joint positions [m]."""
        return self._ik.pose(command).translation.copy()

    def follow(self, command: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Joint targets, `(dof,)`, that take the grasp frame to `target` `(3,)` [m]."""
        yaw = np.arctan2(target[1] - self._shoulder, target[0])
        pose = pin.SE3(pin.rpy.rpyToMatrix(0, 0, yaw) @ self._palm_down, target)
        return self._ik.follow(command, pose, CONTROL_S, ARM_SPEED)
