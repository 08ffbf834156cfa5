"""The robot's YAML and its safety file, as text with every guess marked as one."""

from __future__ import annotations

import math
from typing import NamedTuple

from vla_core.robot_import.guess import Guess

#: Operating velocity, at most [rad/s] and [m/s]; reached in, and acceleration let go of in [s].
_VELOCITY, _REACHED_S, _EASED_S = (1.5, 0.15), 0.2, 0.1
#: Kept from the URDF's limits, at most [rad] and [m], and as a share of the travel.
_MARGIN, _MARGIN_SHARE = (0.02, 0.002), 0.02
#: Of each file.
HEAD = """\
# Written by `vla import` from {source}.
# Look over every line that says GUESS before anything moves. [rad] [m] [s]
"""


class ImportedJoint(NamedTuple):
    """A commanded joint with its operating limits, in the URDF's unit."""

    name: str
    slides: bool
    lower: float
    upper: float
    velocity: float

    @classmethod
    def of(cls, name: str, slides: bool, lower: float, upper: float, velocity: float) -> ImportedJoint:
        """From the URDF's limits: margins kept, and slow enough to stop in its travel."""
        travel = upper - lower
        margin = min(_MARGIN[slides], _MARGIN_SHARE * travel)
        slow = min(velocity, _VELOCITY[slides], travel / (2 * (_REACHED_S + _EASED_S)))
        return cls(name, slides, _up(lower + margin), _down(upper - margin), float(f"{slow:.3g}"))

    def line(self) -> str:
        """In its group."""
        acceleration = self.velocity / _REACHED_S
        return (
            f"      {self.name}: {{unit: {'m' if self.slides else 'rad'}, lower: {self.lower:g}, "
            f"upper: {self.upper:g}, velocity: {self.velocity:g}, acceleration: "
            f"{acceleration:.4g}, jerk: {acceleration / _EASED_S:.4g}}}"
        )


class Hand(NamedTuple):
    """An end effector's entry."""

    name: str
    wrist_frame: str
    grasp_frame: str
    arm_group: str
    hand_group: str
    opened: list[float]
    closed: list[float]


def robot_yaml(
    name: str,
    source: str,
    urdf: str,
    base: str,
    groups: dict[str, list[ImportedJoint]],
    still: dict[str, tuple[float, str]],
    hands: list[Hand],
    cameras: dict[str, str],
    ready: dict[str, list[float]],
    guesses: list[Guess],
) -> str:
    """`config/robots/NAME.yaml`."""
    lines = [HEAD.format(source=source)]
    lines += [f"# GUESS {guess.where}: {guess.what}" for guess in guesses]
    lines += [f"name: {name}", f"urdf: {urdf}", f"base_link: {base}", f"safety: {name}.safety.yaml",
              "position_margin: 0.0", "",
              "# GUESS: groups and their order; limits are the URDF's less a margin, velocities the",
              f"# URDF's or {_VELOCITY[0]:g} rad/s, {_VELOCITY[1]:g} m/s; accelerations and jerks are ours.",
              "groups:"]  # fmt: skip
    for group, joints in groups.items():
        lines += [f"  {group}:", "    joints:", *(joint.line() for joint in joints)]
    lines += ["", "# GUESS: what nobody commands, and where it stands."]
    lines += ["fixed_joints:" if still else "fixed_joints: {}"]
    lines += [f"  {joint}: {at:g}  # {why}" for joint, (at, why) in still.items()]
    lines += ["", "# GUESS: frames of the hands, and which end of their travel is open."]
    lines += ["end_effectors:" if hands else "end_effectors: {}"]
    for hand in hands:
        lines += [f"  {hand.name}:", *(
            f"    {key}: {getattr(hand, key)}"
            for key in ("wrist_frame", "grasp_frame", "arm_group", "hand_group")
        ), f"    hand_open: {_row(hand.opened)}", f"    hand_closed: {_row(hand.closed)}"]  # fmt: skip
    lines += ["", "# GUESS: topics, sizes and encodings; frames are the URDF's.", "cameras:"]
    for camera, frame in cameras.items():
        lines += _camera(camera, frame)
    if not cameras:
        lines += _front_camera()
    lines += ["", "joint_states:", "  topic: joint_states  # GUESS", "", "command:  # GUESS",
              "  topic: joint_trajectory_controller/joint_trajectory",
              "  interface: joint_trajectory", "  rate_hz: 100.0", "",
              "# GUESS: nearest to zero that is clear of itself and away from limits.", "ready_pose:"]  # fmt: skip
    lines += [f"  {group}: {_row(values)}" for group, values in ready.items()]
    return "\n".join(lines) + "\n"


def safety_yaml(
    name: str,
    source: str,
    bodies: dict[str, list[str]],
    groups: dict[str, list[ImportedJoint]],
) -> str:
    """`config/robots/NAME.safety.yaml`."""
    lines = [HEAD.format(source=source), f"srdf: {name}.srdf", "", "# GUESS, all that follows.",
             "margins:", "  self: {hard: 0.005, soft: 0.015}", "  arms: {hard: 0.01, soft: 0.03}",
             "  table: {hard: 0.005, soft: 0.02}", "  keep_out: {hard: 0.02, soft: 0.05}", ""]  # fmt: skip
    lines += ["bodies:" if bodies else "bodies: {}"]
    for body, links in bodies.items():
        lines += [f"  {body}:", f"    link: {links[0]}", f"    links: [{', '.join(links)}]"]
    lines += ["", "hand_speed: {policy: 0.5, teleop: 0.3, ready: 0.2}", "", "tracking:"]
    for group, joints in groups.items():
        if group.endswith("hand"):
            most = max(joint.upper - joint.lower for joint in joints)
            lines.append(f"  {group}: {{slow: {0.6 * most:.3g}, stop: {1.2 * most:.3g}}}")
        else:
            scale = 0.2 if any(joint.slides for joint in joints) else 1.0
            lines.append(f"  {group}: {{slow: {0.15 * scale:g}, stop: {0.35 * scale:g}}}")
    return "\n".join([*lines, "", "estop_heartbeat_s: 0.0"]) + "\n"


def _camera(name: str, frame: str) -> list[str]:
    size = "width: 640, height: 480, simulated_width: 128, simulated_height: 96"
    return [f"  {name}: {{topic: {name}/image_raw, message: Image, encoding: rgb8, frame: {frame},",
            f"    {size}}}"]  # fmt: skip


def _front_camera() -> list[str]:
    """None is described: one before the robot, that looks back at it."""
    pose = "[1.8, 0.0, 0.6, -0.5, -0.5, 0.5, 0.5]"
    return ["  # None is described: one that stands before the robot.",
            "  front: {topic: front/image_raw, message: Image, encoding: rgb8, frame: front_camera,",
            f"    pose_in_base: {pose},",
            "    width: 640, height: 480, simulated_width: 128, simulated_height: 96}"]  # fmt: skip


def _row(values: list[float]) -> str:
    return f"[{', '.join(f'{value:.5g}' for value in values)}]"


def _up(value: float) -> float:
    return math.ceil(value * 1e5) / 1e5


def _down(value: float) -> float:
    return math.floor(value * 1e5) / 1e5
