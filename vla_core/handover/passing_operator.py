"""An operator who takes over at random moments and lets go, whatever the task needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vla_core.errors import ConfigError
from vla_core.handover.scripted_leader import AFTER_S, ALIGNED_S, HELD_S, ScriptedLeader
from vla_core.handover.station import OperatorStation
from vla_core.handover.teleop_description import TeleopDescription
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, TeleopTarget


class Manner(NamedTuple):
    """What the operator's leader does.

    Attributes:
        off, way: as of `ScriptedLeader` [rad].
        aligned_s: how long before the press it was brought near; 0: it follows until then [s].
    """

    off: float
    way: float
    aligned_s: float


#: `still` takes over where the robot is and stays; `returning` goes away from there and is back when
#: it lets go; `moving`, as the operator of the live bench, leaves the robot elsewhere.
MANNERS = {
    "still": Manner(0.0, 0.0, 0.0),
    "returning": Manner(0.0, 0.12, 0.0),
    "moving": Manner(0.06, 0.12, ALIGNED_S),
}
#: Takeovers in an episode.
_MOST = 2


class PassingOperator:
    """One operator of one episode; acts every `PERIOD_S`.

    Args:
        described: a leader, and the deadman.
        robot: which is moved.
        random: when it takes over, for how long, and its leader's ways.
        manner: of the leader.

    Raises:
        ConfigError: the teleoperation has no leader.
    """

    PERIOD_S = 0.01
    NAME = "scripted"
    trouble = None

    def __init__(
        self,
        described: TeleopDescription,
        robot: RobotModel,
        random: np.random.Generator,
        manner: Manner,
    ) -> None:
        if described.leader is None:
            raise ConfigError(described.name, "has no `leader`; the operator is played on one")
        self._leader = ScriptedLeader(described.leader, robot, random, manner.off, manner.way)
        self._station = OperatorStation(described, robot, self.NAME)
        self._random, self._aligned_s = random, manner.aligned_s
        self._left = _MOST
        self._plan(0.0)

    def act(self, command: np.ndarray, now_ns: int) -> TeleopTarget | None:
        """What goes to the command core now; None before every device has sent something.

        Args:
            command: `(dof,)` where the robot is commanded to be.
        """
        now_s = now_ns / NANOSECONDS
        holds = self._press_s <= now_s < self._release_s
        if not self._near and now_s >= self._press_s - self._aligned_s:
            self._leader.lay(command, self._release_s - self._press_s)
            self._near = True
        if holds and not self._station.holds:
            self._leader.grasp(command)
        way_s = now_s - self._press_s if holds else 0.0
        joints = self._leader.at(way_s)
        self._station.leader.on_joint_state(self._leader.joint_names, joints, now_ns)
        self._station.on_deadman(holds, now_ns)
        if now_s >= self._release_s and self._left > 0:
            self._plan(now_s)
        return self._station.target(command, now_ns)

    def _plan(self, now_s: float) -> None:
        """The next takeover."""
        self._left -= 1
        self._press_s = now_s + float(self._random.uniform(*AFTER_S))
        self._release_s = self._press_s + float(self._random.uniform(*HELD_S))
        self._near = False
