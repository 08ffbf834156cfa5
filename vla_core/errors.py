"""One tree of errors: each says what was got, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class VlaError(Exception):
    """Root of every error that this library raises on purpose."""


class ConfigError(VlaError):
    """A YAML or JSON file holds something that cannot be used.

    Args:
        source: file, and key inside it, that is at fault.
        problem: what was got, what was expected, what to do.
    """

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"{source}: {problem}")
        self.source = source
        self.problem = problem


class RobotDescriptionError(ConfigError):
    """A robot's YAML or URDF contradicts itself or lacks something."""


class PolicyError(ConfigError):
    """A policy's folder cannot be loaded: files missing, unreadable or contradictory."""


class JointMismatchError(VlaError):
    """Joint names do not match the robot's.

    Args:
        where: what carried the names (a topic, a file).
        missing: joints of the robot that were not given.
        unknown: joints given that the robot does not have.
        advice: what to do about it.
    """

    def __init__(
        self,
        where: str,
        missing: Iterable[str],
        unknown: Iterable[str],
        advice: str = "Name every joint as the robot's YAML does",
    ) -> None:
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        parts = []
        if self.missing:
            parts.append(f"missing joints {', '.join(self.missing)}")
        if self.unknown:
            parts.append(f"unknown joints {', '.join(self.unknown)}")
        super().__init__(f"{where}: {'; '.join(parts)}. {advice}.")


class ObservationError(VlaError):
    """Camera images or joint states do not make a valid Observation."""


class FeatureSpaceError(VlaError):
    """A latent intent was formed in another feature space than this System 1 was trained in."""

    def __init__(self, got: str, expected: str) -> None:
        super().__init__(
            f"intent has feature-space fingerprint {got!r}, this System 1 expects {expected!r}. "
            "Load System 1 and System 2 from the same policy."
        )
        self.got = got
        self.expected = expected


class IntentError(VlaError):
    """A latent intent lacks a tensor that System 1 needs, or has it in another shape."""


class ChunkError(VlaError):
    """An action chunk is malformed, not finite, or for another robot."""


class TeleopTargetError(VlaError):
    """A target of the operator's is malformed, not finite, for other joints, or out of order."""


class MessageError(VlaError):
    """A message that contradicts itself, or holds more than its topic can need."""


class ModeError(VlaError):
    """A number that is no mode."""


class InstructionError(VlaError):
    """An instruction that the policy cannot follow."""
