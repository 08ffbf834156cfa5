"""One tick of the command loop as a SafetyStatus message."""

from __future__ import annotations

from collections.abc import Sequence

from vla_core.command.command import Command
from vla_msgs import msg
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.conversions import to_time


class SafetyStatusWriter:
    """Writes commands into one kept message, which is overwritten by the next call.

    Args:
        joint_names: the robot's joints in canonical order.
    """

    def __init__(self, joint_names: Sequence[str]) -> None:
        self._message = msg.SafetyStatus(joint_names=list(joint_names))

    def write(
        self, command: Command, period_error_us: float, tick_cost_us: float
    ) -> msg.SafetyStatus:
        """The message of a command.

        Args:
            period_error_us: time since the last tick minus the period [us].
            tick_cost_us: time this tick computed [us].
        """
        message, status, chain = self._message, command.status, command.chain
        message.header.stamp = to_time(command.stamp_ns)
        message.tick = status.tick
        message.mode = int(status.mode)
        message.requested = floats_field(status.requested)
        message.commanded = floats_field(status.commanded)
        message.velocity = floats_field(command.velocity)
        message.constraints = [constraint.name for constraint in status.constraints]
        message.constraint_subjects = [constraint.subject for constraint in status.constraints]
        message.constraint_amounts = [float(c.amount) for c in status.constraints]
        message.observation_stamp = to_time(chain.observation_stamp_ns)
        message.observation_sequence = chain.observation_sequence
        message.intent_sequence = chain.intent_sequence
        message.chunk_sequence = chain.chunk_sequence
        message.observation_age_s = float(status.ages_s.get("observation", -1.0))
        message.intent_age_s = float(status.ages_s.get("intent", -1.0))
        message.chunk_age_s = float(status.ages_s.get("chunk", -1.0))
        message.period_error_us = period_error_us
        message.tick_cost_us = tick_cost_us
        return message
