"""Whether a command can begin where the robot is, or go on after an e-stop."""

from __future__ import annotations

import numpy as np

from vla_core.command.command import CommandSettings
from vla_core.observation.joint_state import JointState
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.stopping import JointMotion


def start_motion(measured: JointState, limits: JointLimits) -> JointMotion:
    """Standing still where the robot is, or at the limit it is slightly outside of."""
    return JointMotion.at_rest(np.clip(measured.position, limits.lower, limits.upper))


def why_not_start(
    measured: JointState,
    motion: JointMotion | None,
    limits: JointLimits,
    settings: CommandSettings,
) -> str:
    """What keeps the command from starting; "" when nothing does.

    Args:
        measured: the newest joint state.
        motion: the last command, which would be gone on from; None to begin at the measured state.
    """
    speed = measured.velocity / limits.per_radian
    fastest = int(np.argmax(np.abs(speed)))
    if abs(speed[fastest]) > settings.start_speed:
        return (
            f"joint {limits.names[fastest]} moves at {speed[fastest]:.2f} rad/s, "
            f"limit {settings.start_speed}"
        )
    if motion is None:
        expected = start_motion(measured, limits).position
        what = "outside its limits; move it inside by hand or widen the robot's YAML"
    else:
        expected = motion.position
        what = "away from the last command; restart the command node to begin where it stands"
    away = np.abs(measured.position - expected) / limits.per_radian
    joint = int(np.argmax(away))
    if away[joint] <= settings.start_tolerance:
        return ""
    return f"joint {limits.names[joint]} is {away[joint]:.3f} rad {what}"
