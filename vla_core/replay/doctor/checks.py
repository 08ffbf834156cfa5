"""All checks over one recording, or one episode of a data set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vla_core.replay.doctor.cameras import Camera
from vla_core.replay.doctor.commands import CommandedJoints
from vla_core.replay.doctor.contract import Contract, Role
from vla_core.replay.doctor.events import Arrival, Joints, Picture, Unreadable
from vla_core.replay.doctor.finding import Findings, Kind
from vla_core.replay.doctor.following import Following
from vla_core.replay.doctor.joints import MeasuredJoints
from vla_core.replay.doctor.skew import Skew
from vla_core.replay.doctor.timing import Timing


class Checks:
    """Sees every message once, in order; holds what the checks need, and no more.

    Args:
        contract: what the recording is held to.
        findings: where they go.
    """

    def __init__(self, contract: Contract, findings: Findings) -> None:
        self._contract = contract
        self._findings = findings
        self._timing = Timing(contract, findings)
        self._skew = Skew(findings)
        self._cameras: dict[str, Camera] = {}
        self._measured: dict[str, MeasuredJoints] = {}
        self._commanded: dict[str, CommandedJoints] = {}
        self._position: np.ndarray | None = None
        robot = contract.robot
        self._newest = np.full(len(robot.joints) if robot else 0, np.nan)
        self._following = Following(robot.joint_names, findings) if robot else None
        self._end_ns = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages by topic."""
        return self._timing.counts

    @property
    def roles(self) -> Mapping[str, str]:
        """What each topic was looked at as."""
        return self._timing.roles

    def see(self, arrival: Arrival) -> None:
        """Take in the next message."""
        self._end_ns = max(self._end_ns, arrival.log_ns)
        self._timing.see(arrival)
        if isinstance(arrival, Unreadable):
            self._findings.add(Kind.UNREADABLE, arrival.topic, arrival.log_ns, arrival.reason)
            return
        role = self._contract.role(arrival.topic, arrival.message_type)
        self._skew.see(arrival, role)
        if isinstance(arrival, Picture):
            self._camera(arrival.topic).see(arrival, self._position)
        elif isinstance(arrival, Joints) and role is Role.COMMANDED:
            self._command(arrival.topic).see(arrival)
        elif isinstance(arrival, Joints):
            self._see_state(arrival)

    def finish(self) -> None:
        """Judge the whole."""
        self._skew.finish()
        self._timing.finish()
        if self._following is not None:
            for topic in self._measured:
                self._following.finish(topic, self._end_ns)

    def _see_state(self, state: Joints) -> None:
        measured = self._measured.get(state.topic)
        if measured is None:
            measured = MeasuredJoints(self._contract.robot, self._findings)
            self._measured[state.topic] = measured
        command = self._newest if self._newest.size and np.isfinite(self._newest).all() else None
        position = measured.see(state, command)
        if position is None:
            return
        self._position = position
        if self._following is not None and command is not None:
            self._following.see(position, command, state.log_ns)

    def _camera(self, topic: str) -> Camera:
        if topic not in self._cameras:
            self._cameras[topic] = Camera(self._contract.sizes.get(topic, ()), self._findings)
        return self._cameras[topic]

    def _command(self, topic: str) -> CommandedJoints:
        if topic not in self._commanded:
            self._commanded[topic] = CommandedJoints(
                self._contract.robot,
                self._contract.command_names(topic),
                self._newest,
                self._findings,
            )
        return self._commanded[topic]
