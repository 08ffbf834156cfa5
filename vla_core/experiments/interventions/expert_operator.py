"""An operator who watches the policy, takes over when it fails, does the task, and lets go.

Takes over by what a person has: a deadman, and leader arms, which follow the robot until the press
and the scripted expert's motion behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from vla_core.contract.abilities import Expert, TroubleWatch
from vla_core.contract.scene import Scene
from vla_core.errors import ConfigError
from vla_core.handover.mirrored_leader import MirroredLeader
from vla_core.handover.station import OperatorStation
from vla_core.handover.teleop_description import TeleopDescription
from vla_core.types import TeleopTarget


@dataclass(frozen=True)
class OperatorSettings:
    """How an operator helps.

    Attributes:
        after_s: what was done has to stay done for so long before the deadman is let go [s].
        most_s: longest help [s].
        leash: the leader waits while the robot is farther behind [rad].
    """

    after_s: float = 1.6
    most_s: float = 12.0
    leash: float = 0.1


class ExpertOperator:
    """One operator at a simulated scene; acts every `PERIOD_S`.

    Args:
        sim: what the operator sees.
        expert: knows how the task is done there.
        watch: tells when it is failing.
        described: a leader, and the deadman.
        settings: when to help, and how long.

    Attributes:
        holds: whether the deadman is held.
        trouble: why it was pressed last; None before the first time.

    Raises:
        ConfigError: the teleoperation has no leader.
    """

    NAME = "scripted expert"

    def __init__(
        self,
        sim: Scene,
        expert: Expert,
        watch: TroubleWatch,
        described: TeleopDescription,
        settings: OperatorSettings = OperatorSettings(),
    ) -> None:
        if described.leader is None:
            raise ConfigError(described.name, "has no `leader`; the operator is played on one")
        self._expert, self._sim, self._settings = expert, sim, settings
        self.PERIOD_S = expert.period_s
        self._leader = MirroredLeader(described.leader, sim.robot)
        self._station = OperatorStation(described, sim.robot, self.NAME)
        names = self._station.leader.joint_names
        self._moved = np.array([sim.robot.index(name) for name in names])
        self._watch = watch
        self.holds = False
        self.trouble: Enum | None = None
        self._begun_s = 0.0
        self._done_since_s: float | None = None
        self._watch.begin()

    def act(self, command: np.ndarray, now_ns: int) -> TeleopTarget | None:
        """What goes to the command core now; None before the devices have told all they can.

        Args:
            command: `(dof,)` where the robot is commanded to be.
        """
        if self.holds:
            self._help(command)
        elif (trouble := self._watch.look()) is not None:
            self._take_over(trouble)
        wanted = self._expert.command if self.holds else command
        self._station.leader.on_joint_state(
            self._leader.joint_names, self._leader.at(wanted), now_ns
        )
        self._station.on_deadman(self.holds, now_ns)
        return self._station.target(command, now_ns)

    def _take_over(self, trouble: Enum) -> None:
        self.holds, self.trouble = True, trouble
        self._begun_s, self._done_since_s = self._sim.time_s, None
        self._expert.reset()

    def _help(self, command: np.ndarray) -> None:
        """Go on with the task; let go when it is done, or does not get done."""
        now_s, settings = self._sim.time_s, self._settings
        if not self._sim.success:
            self._done_since_s = None
        elif self._done_since_s is None:
            self._done_since_s = now_s
        done = self._done_since_s is not None and now_s - self._done_since_s >= settings.after_s
        if done or now_s - self._begun_s > settings.most_s:
            self.holds = False
            self._watch.begin()
        elif np.abs(self._station.leader.position - command[self._moved]).max() < settings.leash:
            self._expert.act()
