"""The comparison of strategies as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMNS = (
    ("strategy", "{strategy}"),
    ("delay", "{delay_ms}"),
    ("object", "{pattern}"),
    ("every", "{system2_every}"),
    ("success", "{success_rate:.0%}"),
    ("95 %", "{ci95[0]:.0%}-{ci95[1]:.0%}"),
    ("time", "{completion}"),
    ("step", "{velocity_step_p50_rad_s:.2f}"),
    ("jerk", "{jerk_rms_rad_s3:.0f}"),
    ("late", "{delay_steps}/{limit}"),
    ("idle", "{idle:.0%}"),
)
CAPTION = (
    "delay of System 1 [ms]; System-1 steps for every intent; mean time to success [s]; largest "
    "velocity step [rad/s] and RMS jerk [rad/s^3] where chunks join, medians of the episodes; steps "
    "late of those that the strategy absorbs"
)


def cells(row: dict[str, Any]) -> list[str]:
    """A row as text, in the order of `COLUMNS`."""
    time_s = row["completion_s"]
    completion = "-" if time_s is None else f"{time_s:.1f}"
    limit = "any" if row["limit_steps"] is None else str(row["limit_steps"])
    return [form.format(**row, completion=completion, limit=limit) for _, form in COLUMNS]


def print_rows(rows: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """The table in the terminal."""
    table = Table(caption=Text(CAPTION), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading, _ in COLUMNS:
        table.add_column(heading, justify="left" if heading in ("strategy", "object") else "right")
    for row in rows:
        table.add_row(*cells(row))
    (console or Console()).print(table)


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Success, completion time and velocity step over the delay, a line a strategy; and success
    over System-1 steps for every intent, where that was varied.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    still = [row for row in rows if row["study"] == "delay"]
    rates = [row for row in rows if row["study"] == "rate"]
    panels = 4 if rates else 3
    figure, axes = plt.subplots(1, panels, figsize=(4.4 * panels, 3.8), layout="constrained")
    success, time_s, smooth = axes[:3]
    for strategy in dict.fromkeys(row["strategy"] for row in rates):
        mine = [row for row in rates if row["strategy"] == strategy]
        rate = [100 * row["success_rate"] for row in mine]
        axes[3].plot([row["system2_every"] for row in mine], rate, marker="o", label=strategy)
    if rates:
        label = f"System-1 steps for every intent (object: {rates[0]['pattern']})"
        axes[3].set(xlabel=label, ylabel="success [%]", ylim=(0, 100), xscale="log")
    for strategy in dict.fromkeys(row["strategy"] for row in still):
        mine = [row for row in still if row["strategy"] == strategy]
        delays = [row["delay_ms"] for row in mine]
        rate = [100 * row["success_rate"] for row in mine]
        (line,) = success.plot(delays, rate, marker="o", label=strategy)
        low, high = ([100 * row["ci95"][k] for row in mine] for k in (0, 1))
        success.fill_between(delays, low, high, alpha=0.08, color=line.get_color())
        done = [row for row in mine if row["completion_s"] is not None]
        time_s.plot([r["delay_ms"] for r in done], [r["completion_s"] for r in done], marker="o")
        smooth.plot(delays, [r["velocity_step_p50_rad_s"] for r in mine], marker="o")
    success.set(xlabel="delay of System 1 [ms]", ylabel="success [%]", ylim=(0, 100))
    time_s.set(xlabel="delay of System 1 [ms]", ylabel="time to success [s]", ylim=(0, None))
    smooth.set(xlabel="delay of System 1 [ms]", ylabel="velocity step at boundaries [rad/s]")
    smooth.set_ylim(0, None)
    lines, names = success.get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(names), fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
