"""Takeover and return as messages: the operator's targets, and interventions."""

from __future__ import annotations

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from vla_core.handover.intervention import Intervention
from vla_core.types import TeleopTarget
from vla_msgs import msg
from vla_nodes.wire.byte_buffer import floats_field
from vla_nodes.wire.conversions import to_nanoseconds, to_time


def teleop_target_message(target: TeleopTarget, stamp_ns: int) -> msg.TeleopTarget:
    """A target of the operator's as a message published at `stamp_ns`."""
    message = msg.TeleopTarget(
        sequence=target.sequence,
        devices_stamp=to_time(target.devices_stamp_ns),
        deadman_stamp=to_time(target.deadman_stamp_ns),
        deadman_held=target.deadman_held,
        joint_names=list(target.joint_names),
        position=floats_field(target.position),
        source=target.source,
        operator_name=target.operator_name,
    )
    message.header.stamp = to_time(stamp_ns)
    return message


def read_teleop_target(message: msg.TeleopTarget) -> TeleopTarget:
    """The operator's target of a message; its position is a view of the message."""
    return TeleopTarget(
        sequence=message.sequence,
        devices_stamp_ns=to_nanoseconds(message.devices_stamp),
        deadman_stamp_ns=to_nanoseconds(message.deadman_stamp),
        deadman_held=message.deadman_held,
        joint_names=tuple(message.joint_names),
        position=np.asarray(message.position),
        source=message.source,
        operator_name=message.operator_name,
    )


def intervention_message(intervention: Intervention, robot: str) -> DiagnosticStatus:
    """An intervention that has begun or ended, as keys and values."""
    values = {
        "number": intervention.number,
        "operator": intervention.operator,
        "source": intervention.source,
        "begin_ns": intervention.begin_ns,
        "cause": intervention.cause,
        "end_ns": "" if intervention.end_ns is None else intervention.end_ns,
        "end_cause": intervention.end_cause,
    }
    return DiagnosticStatus(
        level=DiagnosticStatus.OK,
        name="intervention",
        message=intervention.end_cause or intervention.cause,
        hardware_id=robot,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def has_begun(message: DiagnosticStatus) -> bool:
    """Whether a message is of an intervention's begin; its end has one of its own."""
    return {pair.key: pair.value for pair in message.values}.get("end_ns") == ""
