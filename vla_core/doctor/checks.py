"""All checks over one recording, or one episode of a data set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vla_core.doctor.cameras import Camera
from vla_core.doctor.commands import CommandChecks, find_missing_commands
from vla_core.doctor.contract import Contract, Role
from vla_core.doctor.events import Arrival, Joints, Picture, Unreadable
from vla_core.doctor.finding import Findings, Kind
from vla_core.doctor.following import Following
from vla_core.doctor.joints import MeasuredJoints
from vla_core.doctor.observations import Observations
from vla_core.doctor.skew import Skew
from vla_core.doctor.timing import Timing
from vla_core.recordings.sources.commanded_joints import CommandedJoints


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
        self._commanded: dict[str, CommandChecks] = {}
        self._position: np.ndarray | None = None
        robot = contract.robot
        self._commanded_now = CommandedJoints(len(robot.joints) if robot else 0)
        self._observations = Observations(contract, findings)
        self._state_topic = ""
        self._per_radian = 1.0 if robot is None else robot.per_radian
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
        if isinstance(arrival, Picture):
            self._skew.see(arrival, role)
            if self._camera(arrival.topic).see(arrival, self._position):
                self._observations.see_picture(arrival)
        elif isinstance(arrival, Joints) and role is Role.COMMANDED:
            self._command(arrival.topic).see(arrival)
        elif isinstance(arrival, Joints):
            self._observations.see_joints(arrival)
            self._see_state(arrival)

    def finish(self) -> None:
        """Judge the whole."""
        self._skew.finish()
        self._timing.finish()
        for measured in self._measured.values():
            measured.finish(self._end_ns, self._timing.other_joint_states)
        if self._contract.commands:
            find_missing_commands(
                self._contract.robot, self._commanded_now, self._findings,
                self._timing.start_ns, self._end_ns,
            )  # fmt: skip
        self._observations.finish(self._end_ns)
        if self._following is not None and self._state_topic:
            self._following.finish(self._state_topic, self._end_ns)

    @property
    def notes(self) -> list[str]:
        """What is worth to know and harms nothing."""
        return [
            f"{topic}: {measured.derived} of {measured.count} states tell no velocity, or not that "
            "of every joint: it is derived from the positions"
            for topic, measured in self._measured.items()
            if measured.derived
        ]

    def _see_state(self, message: Joints) -> None:
        """One robot's topics together, as its YAML names them; of no robot, each for itself."""
        self._state_topic = self._state_topic or message.topic
        topic = message.topic if self._contract.robot is None else self._state_topic
        measured = self._measured.get(topic)
        if measured is None:
            measured = MeasuredJoints(self._contract.robot, self._findings)
            self._measured[topic] = measured
        now_ns = message.log_ns if message.stamp_ns is None else message.stamp_ns
        command = self._commanded_now.at(now_ns)
        command = command if command.size and np.isfinite(command).all() else None
        state, is_measured = measured.see(message, command)
        if state is not None:
            self._skew.see(state, Role.MEASURED)
        if not is_measured:
            return
        self._position = state.positions[0] / self._per_radian
        if self._following is not None and command is not None:
            self._following.see(self._position, command / self._per_radian, message.log_ns)

    def _camera(self, topic: str) -> Camera:
        if topic not in self._cameras:
            self._cameras[topic] = Camera(self._contract.sizes.get(topic, ()), self._findings)
        return self._cameras[topic]

    def _command(self, topic: str) -> CommandChecks:
        if topic not in self._commanded:
            self._commanded[topic] = CommandChecks(
                self._contract.robot,
                self._contract.command_names(topic),
                self._commanded_now,
                self._findings,
            )
        return self._commanded[topic]
