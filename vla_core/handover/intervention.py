"""An intervention: from when to when an operator had the robot, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Intervention:
    """What is published when it begins, and once more when it has ended.

    Attributes:
        number: counts them since the command node started.
        operator: who; empty where nobody said.
        source: what the robot was moved with, the name of the teleoperation's YAML.
        begin_ns: when the operator took over, on the robot's clock [ns].
        cause: why it began.
        end_ns, end_cause: the same for its end; None and empty while it lasts.
    """

    number: int
    operator: str
    source: str
    begin_ns: int
    cause: str
    end_ns: int | None = None
    end_cause: str = ""
