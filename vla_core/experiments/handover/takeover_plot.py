"""A takeover and return as a picture: what was asked for and what was sent, and its derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vla_core.experiments.handover.takeover_record import SentCommand, Tick
from vla_core.robot.joint_limits import JointLimits
from vla_core.types import NANOSECONDS, ControlMode

_COLOURS = {
    ControlMode.POLICY: "#dbe7f6",
    ControlMode.BLEND: "#fbe6c9",
    ControlMode.TELEOP: "#d8efd3",
    ControlMode.STOPPING: "#f4d6d6",
    ControlMode.HOLD: "#eeeeee",
}


def plot_takeover(
    ticks: Sequence[Tick],
    sent: Sequence[SentCommand],
    press_ns: int,
    release_ns: int,
    limits: JointLimits,
    period_s: float,
    path: Path,
) -> None:
    """The joint that has to move most at the press, over time since it [s].

    Args:
        ticks, sent, press_ns, release_ns, limits, period_s: as for `judge_takeover`.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    first = next(tick for tick in ticks if tick.stamp_ns > press_ns and tick.mode in _COLOURS)
    later = [tick for tick in ticks if tick.stamp_ns >= first.stamp_ns + 10_000_000]
    at = min(sent, key=lambda command: abs(command.stamp_ns - later[0].stamp_ns))
    joint = int(np.argmax(np.abs(later[0].requested - at.position)))
    figure, axes = plt.subplots(3, 1, sharex=True, figsize=(9, 7), constrained_layout=True)
    time_s = _since(press_ns, [command.stamp_ns for command in sent])
    position = np.array([command.position[joint] for command in sent])
    velocity = np.diff(position) / np.maximum(np.diff(time_s), period_s / 2)
    asked = [(tick.stamp_ns, tick.requested[joint]) for tick in ticks if len(tick.requested)]
    axes[0].plot(_since(press_ns, [stamp for stamp, _ in asked]), [value for _, value in asked],
                 color="#c2571a", linewidth=1, label="asked for")  # fmt: skip
    axes[0].plot(time_s, position, color="#1f4e8c", linewidth=1.5, label="sent")
    figure.suptitle(limits.names[joint])
    axes[0].set_ylabel("position [rad]")
    axes[0].legend(loc="best")
    axes[1].plot(time_s[1:], velocity, color="#1f4e8c", linewidth=1)
    axes[1].set_ylabel("velocity [rad/s]")
    axes[2].plot(time_s[2:], np.diff(velocity) / np.diff(time_s)[1:], color="#1f4e8c", linewidth=1)
    axes[2].set_ylabel("acceleration [rad/s²]")
    bound = limits.acceleration[joint]
    for side in (-bound, bound):
        axes[2].axhline(side, color="#999999", linestyle="--", linewidth=0.8)
    axes[2].set_xlabel("time since the deadman was pressed [s]")
    release_s = (release_ns - press_ns) / NANOSECONDS
    for axis in axes:
        for start_s, end_s, mode in _spans(press_ns, ticks):
            axis.axvspan(start_s, end_s, color=_COLOURS.get(mode, "#ffffff"), linewidth=0)
        for moment_s in (0.0, release_s):
            axis.axvline(moment_s, color="#444444", linewidth=0.8)
    for start_s, end_s, mode in _spans(press_ns, ticks):
        if end_s - start_s > 0.15:
            axes[0].text((start_s + end_s) / 2, 1.01, mode.name, ha="center", va="bottom",
                         fontsize=8, transform=axes[0].get_xaxis_transform())  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _since(press_ns: int, stamps_ns: Sequence[int]) -> np.ndarray:
    return (np.array(stamps_ns) - press_ns) / NANOSECONDS


def _spans(press_ns: int, ticks: Sequence[Tick]) -> list[tuple[float, float, ControlMode]]:
    """From when to when each mode was in force, since the press [s]."""
    spans: list[tuple[float, float, ControlMode]] = []
    for tick in ticks:
        at_s = (tick.stamp_ns - press_ns) / NANOSECONDS
        if spans and spans[-1][2] is tick.mode:
            spans[-1] = (spans[-1][0], at_s, tick.mode)
        else:
            if spans:
                spans[-1] = (spans[-1][0], at_s, spans[-1][2])
            spans.append((at_s, at_s, tick.mode))
    return spans
