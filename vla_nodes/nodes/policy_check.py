"""Refuses a policy that does not fit the robot, before anything moves."""

from __future__ import annotations

from vla_core.contract.check_policy import check_policy
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.robot.model import RobotModel


def require_fit(robot: RobotModel, manifest: PolicyManifest) -> None:
    """Raise what `vla check` would report of the pair.

    Raises:
        PolicyError: joints, order, cameras, normalisation or timing do not fit.
    """
    problems = check_policy(robot, manifest)
    if problems:
        raise PolicyError(f"policy {manifest.name} on robot {robot.name}", "; ".join(problems))
