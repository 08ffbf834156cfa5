"""How an operator takes over from the policy, and how the policy takes over again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vla_core.types import ControlMode


class Takeover(Enum):
    """What a press of the deadman does."""

    IMMEDIATE = "immediate"
    """The next tick moves towards the operator's targets."""

    MATCHED = "matched"
    """The robot stops, and follows once the operator's targets have come to where it is."""


class Release(Enum):
    """What moves the robot once the operator who took over from the policy lets go."""

    POLICY = "policy"
    HOLD = "hold"

    @property
    def mode(self) -> ControlMode:
        """The mode that is asked for."""
        return ControlMode[self.name]


@dataclass(frozen=True)
class HandoverSettings:
    """How the command node hands over.

    Attributes:
        takeover: what a press does.
        on_release: what follows a takeover from the policy; one from HOLD goes back to HOLD.
        tolerance: the command has come to the operator's targets where no joint is farther from
            them [rad]; of a joint that slides, a tenth of it in metres.
        approach: share of the speeds of TELEOP that are allowed on the way there.
        deadman_timeout_s: a deadman that is silent for longer is lost: the robot stops [s].
        resume_timeout_s: longest wait for the policy's first chunk after a return [s].
    """

    takeover: Takeover = Takeover.IMMEDIATE
    on_release: Release = Release.POLICY
    tolerance: float = 0.1
    approach: float = 0.5
    deadman_timeout_s: float = 0.3
    resume_timeout_s: float = 5.0
