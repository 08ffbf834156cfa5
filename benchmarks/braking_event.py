"""A picture of braking along the path: a hand is sent into the table and back.

    .venv/bin/python benchmarks/braking_event.py --out docs/braking.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode

_STEP_S, _HORIZON = 0.1, 16
_DOWN_M_S, _TURNED_AT_S, _BACK_AT_S, _END_S = 0.20, 0.8, 1.5, 3.0


def lowered(
    robot: RobotModel, safety: CommandSafety, hand: str, start: np.ndarray, by_m: np.ndarray
) -> np.ndarray:
    """`(len(by_m), dof)` positions with one hand lower than at `start`, by its arm alone."""
    collision = safety.collision
    index = collision.hands.index(hand)
    arm = robot.group_indices(robot.end_effectors[hand].arm_group)
    position, rows = start.copy(), []
    begin = collision.hand_positions(position)[index]
    for down_m in by_m:
        for _ in range(5):
            miss = begin - (0, 0, down_m) - collision.hand_positions(position)[index]
            jacobian = collision.hand_jacobians(position)[index][:, arm]
            position[arm] += jacobian.T @ np.linalg.solve(
                jacobian @ jacobian.T + 1e-4 * np.eye(3), miss
            )
            position = np.clip(position, robot.limits.lower, robot.limits.upper)
        rows.append(position.copy())
    return np.array(rows)


def main() -> None:
    """Play the event, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robot", default="g1_inspire")
    parser.add_argument("--hand", default="right")
    parser.add_argument("--out", type=Path, default=Path("out/braking.png"))
    args = parser.parse_args()
    robot = RobotModel.load(args.robot)
    safety = CommandSafety.of(robot)
    collision = safety.collision
    period_s = 1.0 / robot.description.command.rate_hz
    core = CommandCore(robot.limits, CommandSettings(period_s=period_s), safety=safety)
    down_m = _DOWN_M_S * _STEP_S * np.arange(_HORIZON)
    hand = collision.hands.index(args.hand)
    position, rows, way = robot.ready_pose, [], []
    for tick in range(round(_END_S / period_s)):
        now_ns = NANOSECONDS + round(tick * period_s * NANOSECONDS)
        core.on_joint_state(robot.joint_names, position, [], now_ns, now_ns)
        if tick == 0:
            for mode in (ControlMode.HOLD, ControlMode.POLICY):
                core.request_mode(mode, now_ns)
        time_s = tick * period_s
        if tick % round(0.5 / period_s) == 0:
            if time_s < _BACK_AT_S:
                targets = lowered(robot, safety, args.hand, position, down_m)
            else:  # the way it came
                since_s = _TURNED_AT_S - (time_s - _BACK_AT_S) - _STEP_S * np.arange(_HORIZON)
                came = np.maximum(since_s / period_s, 0).astype(int)
                targets = np.array([position, *np.array(way)[came[1:]]])
            asked, asked_from_s = collision.hand_positions(position)[hand][2], time_s
            core.on_chunk(
                ActionChunk(tick + 1, now_ns, tick + 1, 1, now_ns, _STEP_S, robot.joint_names,
                            targets), now_ns)  # fmt: skip
        command = core.tick(now_ns)
        position = command.position
        way.append(position)
        planned_m = asked - _DOWN_M_S * (time_s - asked_from_s) if time_s < _BACK_AT_S else np.nan
        distances = collision.distances(position)
        nearest = int(np.argmin(distances - collision.hard_m))
        rows.append(
            (
                time_s,
                command.execution.pace.speed,
                distances[nearest] - collision.hard_m[nearest],
                collision.soft_m[nearest] - collision.hard_m[nearest],
                collision.hand_positions(command.status.requested)[hand][2],
                collision.hand_positions(position)[hand][2],
                planned_m,
            )
        )
    _draw(np.array(rows), args.out)


def _draw(rows: np.ndarray, file: Path) -> None:
    time_s, speed, distance, soft, requested, commanded, planned = rows.T
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(7.5, 7.5), sharex=True)
    top.plot(time_s, planned, "0.6", label="asked for, in the policy's time")
    top.plot(time_s, requested, "C1--", label="path, in path time")
    top.plot(time_s, commanded, "C0", label="commanded")
    top.set_ylabel("height of the hand [m]")
    top.legend(loc="lower right", fontsize=8)
    middle.plot(time_s, distance * 1e3, "C0")
    middle.plot(time_s, soft * 1e3, "0.6", lw=0.8, ls=":", label="soft margin of that pair")
    middle.axhline(0, color="C3", lw=0.8, label="hard margin")
    middle.set_ylim(-5, 80)
    middle.set_ylabel("nearest pair,\nabove its hard margin [mm]")
    middle.legend(loc="upper right", fontsize=8)
    bottom.plot(time_s, speed, "C2")
    bottom.set_ylim(-0.05, 1.1)
    bottom.set_ylabel("path speed")
    bottom.set_xlabel("time [s]; a chunk every 0.5 s, back up from 1.5 s on")
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
