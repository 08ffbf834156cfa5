"""The comparison of strategies as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vla_core.result_table import number_text, result_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    completion = number_text(row["completion_s"], 1)
    limit = "any" if row["limit_steps"] is None else str(row["limit_steps"])
    return [form.format(**row, completion=completion, limit=limit) for _, form in COLUMNS]


def print_rows(rows: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """The table in the terminal."""
    headings = (name if name in ("strategy", "object") else f">{name}" for name, _ in COLUMNS)
    table = result_table(*headings, caption=CAPTION)
    for row in rows:
        table.add_row(*cells(row))
    (console or Console()).print(table)


def plot(rows: Sequence[dict[str, Any]], path: Path) -> list[Path]:
    """Write what was varied: delays to `path`, motions and System 2's rate to `..._dynamics`.

    Returns:
        The pictures written.
    """
    import matplotlib

    matplotlib.use("Agg")
    delays = [row for row in rows if row["study"] == "delay"]
    dynamics = [row for row in rows if row["study"] != "delay"]
    path.parent.mkdir(parents=True, exist_ok=True)
    written = []
    if delays:
        _plot_delays(delays, path)
        written.append(path)
    if dynamics:
        written.append(path.with_stem(f"{path.stem}_dynamics"))
        _plot_dynamics(dynamics, written[-1])
    return written


def _plot_delays(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Success, completion time and velocity step over the delay, a line a strategy."""
    import matplotlib.pyplot as plt

    figure, (success, time_s, smooth) = plt.subplots(1, 3, figsize=(13.2, 3.8), layout="constrained")
    for strategy, mine in _by_strategy(rows).items():
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
    _finish(figure, success, path)


def _plot_dynamics(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Success by the object's motion, and over System-1 steps for every intent."""
    import matplotlib.pyplot as plt

    figure, (motion, rate) = plt.subplots(1, 2, figsize=(13.2, 3.8), layout="constrained")
    strategies = _by_strategy(rows)
    patterns = list(dict.fromkeys(row["pattern"] for row in rows if row["study"] == "pattern"))
    width = 0.8 / len(strategies)
    for place, (strategy, mine) in enumerate(strategies.items()):
        bars = {row["pattern"]: row for row in mine if row["study"] == "pattern"}
        at = [k + (place + 0.5) * width - 0.4 for k, p in enumerate(patterns) if p in bars]
        told = [bars[pattern] for pattern in patterns if pattern in bars]
        percent = [100 * row["success_rate"] for row in told]
        errors = [
            [abs(100 * row["ci95"][k] - value) for row, value in zip(told, percent, strict=True)]
            for k in (0, 1)
        ]
        motion.bar(at, percent, width, yerr=errors, label=strategy, error_kw={"lw": 0.6})
        line = [row for row in mine if row["study"] == "rate"]
        every = [row["system2_every"] for row in line]
        rate.plot(every, [100 * row["success_rate"] for row in line], marker="o")
    motion.set(xticks=range(len(patterns)), xticklabels=patterns)
    motion.set(xlabel="how the object moves", ylabel="success [%]", ylim=(0, 100))
    varied = {row["system2_every"]: row["pattern"] for row in rows if row["study"] == "rate"}
    rate.set(ylabel="success [%]", ylim=(0, 100), xscale="log")
    rate.set_xticks(list(varied), [str(every) for every in varied], minor=False)
    rate.minorticks_off()
    objects = ", ".join(dict.fromkeys(varied.values()))
    rate.set_xlabel(f"System-1 steps for every intent (object: {objects})")
    _finish(figure, motion, path)


def _by_strategy(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["strategy"], []).append(row)
    return found


def _finish(figure: Figure, labelled: Axes, path: Path) -> None:
    """One legend for all panels, then the file."""
    import matplotlib.pyplot as plt

    lines, names = labelled.get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(names), fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
