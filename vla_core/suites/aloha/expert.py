"""The scripted expert: poses of both hands, one motion after the other, in joint space.

The hands' poses become joint positions by damped least squares (Pink), and the joints go there by
minimum jerk (Flash and Hogan 1985), both arms at the same time. Each motion is planned when it
begins, from what is true then: the arms sag and lag by some millimetres under friction, so what is
held is measured again before two things are to meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pinocchio as pin

from vla_core.robot.arm_ik import ArmIk
from vla_core.suites.aloha.scene import AlohaScene
from vla_core.suites.aloha.tasks import TRANSFER

#: Time between two targets [s]; the benchmark's.
CONTROL_S = 0.02
#: Grippers, of their unit.
OPEN, CLOSED = 0.95, 0.065
#: Where the transfer happens; where socket and peg are brought before that is pushed in [m].
MEET = (0.0, 0.5, 0.25)
SOCKET_AT, PEG_AT = (-0.07, 0.5, 0.18), (0.085, 0.5, 0.18)
#: Fingers point down by so much when something is grasped from the table [rad].
DOWN = np.pi / 3
#: The grasp frame above the table, at least, and how high hands come from and lift to [m].
LOWEST, ABOVE = 0.020, 0.09
#: From the socket's centre to the peg's: before it is pushed in, when its tip has reached the pin;
#: and how much farther it is pushed [m].
BEFORE, INSERTED, PUSH = 0.155, 0.10, 0.012
#: How long arms rest before what they hold is measured: they lag by up to 8 mm after a motion [s].
SETTLE_S = 0.25
#: Iterations of the inverse kinematics, and its largest error [m] and [rad].
_ITERATIONS, _EXACT = 60, 1e-4
#: Shoulder and elbow where that begins [rad].
_BENT = (-0.3, 0.9)

#: `(steps, dof)` joint targets, `CONTROL_S` apart; the first is where it begins.
Motion = np.ndarray


class ExpertFailed(Exception):
    """A pose is out of reach; the scene is left out."""


class Expert:
    """Does the task of a scene, from the ready pose.

    Args:
        scene: where, and the truth about it.
    """

    def __init__(self, scene: AlohaScene) -> None:
        self._scene, self._robot = scene, scene.robot
        self._arms = {
            side: ArmIk(scene.robot, side, orientation_cost=0.3, posture_cost=1e-4)
            for side in scene.robot.end_effectors
        }
        self._grippers = {
            side: scene.robot.group_indices(effector.hand_group)
            for side, effector in scene.robot.end_effectors.items()
        }

    def motions(self) -> Iterator[Motion]:
        """One after the other, each to be gone to its end before the next is asked for."""
        self._command = self._scene.position
        self._poses: dict[str, pin.SE3] = {}
        return self._transfer() if self._scene.task is TRANSFER else self._insert()

    def _transfer(self) -> Iterator[Motion]:
        """The right hand takes the cube from above, the left one from the side, fingers upright."""
        wait = np.add(MEET, (-0.12, 0.0, 0.0))
        yield self._go(1.1, {"right": self._over("right", "box"),
                             "left": _hand("left", wait, 0.0, np.pi / 2)}, OPEN)  # fmt: skip
        yield self._go(0.8, {"right": self._over("right", "box", 0.0)})
        yield self._grip(0.5, right=CLOSED)
        yield self._go(0.6, {"right": self._over("right", "box")})
        yield self._go(1.1, {"right": _hand("right", MEET, 0.0)})
        yield self._rest()
        held = self._object("box").translation
        yield self._go(0.8, {"left": _hand("left", held, 0.0, np.pi / 2)})
        yield self._grip(0.5, left=CLOSED)
        yield self._grip(0.4, right=OPEN)
        yield self._go(0.6, {"right": _hand("right", np.add(held, (0.1, 0.0, 0.0)), 0.0)})

    def _insert(self) -> Iterator[Motion]:
        """Each hand takes its part; the peg is brought before the held socket, then in."""
        parts = {"right": "peg", "left": "socket"}
        yield self._go(0.9, {side: self._over(side, part) for side, part in parts.items()}, OPEN)
        yield self._go(0.7, {side: self._over(side, part, 0.0) for side, part in parts.items()})
        yield self._grip(0.5, left=CLOSED, right=CLOSED)
        yield self._go(0.5, {side: self._over(side, part) for side, part in parts.items()})
        yield self._go(1.0, {"left": _hand("left", SOCKET_AT, DOWN),
                             "right": _hand("right", PEG_AT, DOWN)})  # fmt: skip
        for duration_s in (0.4, 0.3):
            yield self._rest()
            yield self._go(duration_s, {"right": self._peg_before_socket(BEFORE)})
        yield self._go(0.9, {"right": self._peg_before_socket(INSERTED + 0.01)})
        yield self._go(0.5, {"right": self._peg_before_socket(INSERTED - PUSH)})

    def _over(self, side: str, body: str, above: float = ABOVE) -> pin.SE3:
        """A hand over an object that lies on the table, or so far above that, fingers down.

        Objects fall a little when a scene begins.
        """
        place = self._object(body).translation
        return _hand(side, np.array((*place[:2], max(place[2], LOWEST) + above)), DOWN)

    def _peg_before_socket(self, distance: float) -> pin.SE3:
        """The right hand's command that brings the peg so far from the socket, along its axis.

        Command and truth differ by what the arm sags; that is taken to stay as it is.
        """
        wanted = self._object("socket") * pin.SE3(np.eye(3), np.array((distance, 0.0, 0.0)))
        return wanted * self._object("peg").inverse() * self._poses["right"]

    def _object(self, body: str) -> pin.SE3:
        return pin.SE3(self._scene.body_pose(body))

    def _go(
        self, duration_s: float, poses: Mapping[str, pin.SE3], gripper: float | None = None
    ) -> Motion:
        """Hands to poses, by side; their grippers meanwhile."""
        target = self._command.copy()
        for side, pose in poses.items():
            target = self._solve(side, target, pose)
            if gripper is not None:
                target[self._grippers[side]] = gripper
        self._poses |= poses
        return self._move(duration_s, target)

    def _grip(self, duration_s: float, **grippers: float) -> Motion:
        """Grippers, by side."""
        target = self._command.copy()
        for side, value in grippers.items():
            target[self._grippers[side]] = value
        return self._move(duration_s, target)

    def _rest(self) -> Motion:
        """Let the arms come to where they are commanded, as far as they do."""
        return self._move(SETTLE_S, self._command)

    def _move(self, duration_s: float, target: np.ndarray) -> Motion:
        """By minimum jerk from the newest target to this one."""
        tau = np.linspace(0.0, 1.0, round(duration_s / CONTROL_S) + 1)[:, None]
        start, self._command = self._command, target
        return start + (10 * tau**3 - 15 * tau**4 + 6 * tau**5) * (target - start)

    def _solve(self, side: str, start: np.ndarray, pose: pin.SE3) -> np.ndarray:
        """`start` with this arm's joints where they bring its hand to the pose."""
        position, arm = self._guess(side, start, pose), self._arms[side]
        for _ in range(_ITERATIONS):
            if np.abs(pin.log6(arm.pose(position).actInv(pose)).vector).max() < _EXACT:
                return position
            position = arm.follow(position, pose, 1.0, np.inf)
        raise ExpertFailed(f"{side} hand: no joint positions reach {pose.translation}")

    def _guess(self, side: str, start: np.ndarray, pose: pin.SE3) -> np.ndarray:
        """The arm in a plane with the pose, its wrist bent to the right side already.

        A straight wrist is singular: from the other side of it the iteration stands still.
        """
        base = self._robot.frame_pose(f"{side}_base_link", start)
        local = base.inverse() * pose
        down = np.arcsin(-local.rotation[2, 0])
        roll = np.arctan2(local.rotation[2, 1], local.rotation[2, 2])
        guess = start.copy()
        guess[self._robot.group_indices(self._robot.end_effectors[side].arm_group)] = (
            np.arctan2(local.translation[1], local.translation[0]),
            *_BENT, 0.0, down - sum(_BENT), roll,
        )  # fmt: skip
        return guess


def _hand(side: str, place: np.ndarray, down: float, roll: float = 0.0) -> pin.SE3:
    """A grasp frame at a place; fingers point to the other arm, so far down, rolled so far."""
    towards = 0.0 if side == "left" else np.pi
    rotation = pin.rpy.rpyToMatrix(0.0, 0.0, towards) @ pin.rpy.rpyToMatrix(roll, down, 0.0)
    return pin.SE3(rotation, np.asarray(place, dtype=float))
