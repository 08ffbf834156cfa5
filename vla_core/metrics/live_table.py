"""A run at a glance in the terminal: rates, latencies, ages, memory; live and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from vla_core.result_table import result_table

#: Names a person reads, by key of `RunMetrics.summary()`.
STREAM_NAMES = {
    "observation": "observation (camera node)",
    "intent": "intent (System 2)",
    "chunk": "action chunk (System 1)",
    "command": "joint command",
}
LATENCY_NAMES = {
    "camera_to_intent": "camera to intent",
    "camera_to_chunk": "camera to chunk",
    "camera_to_command": "camera to command",
}


def run_table(summary: Mapping[str, Any], title: str) -> Table:
    """Everything measured, as one table.

    Args:
        summary: of `RunMetrics`; `memory_mb` and `drops` may have been added by the caller.
    """
    table = result_table("", ">p50", ">p99", ">max", ">", title=title)
    for key, name in STREAM_NAMES.items():
        received, lost = summary["received"][key], summary["drops"].get(key, 0)
        rate = f"{summary['rates_hz'][key]:.1f} Hz"
        lost_text = f", {lost} lost" if lost else ""
        table.add_row(name, rate, "", "", f"{received} messages{lost_text}")
    table.add_section()
    for key, name in LATENCY_NAMES.items():
        table.add_row(name, *_cells(summary["latency_ms"][key], "ms"))
    table.add_row("System 2 computing", *_cells(summary["compute_ms"]["system2"], "ms"))
    table.add_row("System 1 computing", *_cells(summary["compute_ms"]["system1"], "ms"))
    table.add_row("intent age at the command", *_cells(summary["intent_age_ms"], "ms"))
    table.add_row("skew inside an observation", *_cells(summary["skew_ms"], "ms"))
    table.add_section()
    table.add_row("command period error", *_cells(summary["command_period_error_us"], "us", 0))
    table.add_row("command tick cost", *_cells(summary["command_tick_cost_us"], "us", 0))
    limited = summary["limited"]
    by_name = ", ".join(f"{n} {c}" for n, c in limited["constraints"].items())
    share = f"{limited['ticks'] / limited['of']:.1%}" if limited["of"] else "-"
    table.add_row("ticks limited", share, "", "", by_name)
    if memory := summary.get("memory_mb"):
        table.add_section()
        for name, megabytes in memory.items():
            table.add_row(f"memory, {name}", f"{megabytes:.0f} MB", "", "", "")
    return table


def status_line(summary: Mapping[str, Any], mode: str, progress: str) -> str:
    """The same in one line, for logs."""
    rates = " ".join(f"{k} {v:.1f}" for k, v in summary["rates_hz"].items())
    latency = " ".join(
        f"{LATENCY_NAMES[k]} {v['p50']}" for k, v in summary["latency_ms"].items() if v["n"]
    )
    return f"{progress} | {mode} | Hz: {rates} | p50 ms: {latency or '-'}"


def _cells(values: Mapping[str, Any], unit: str, digits: int = 1) -> tuple[str, str, str, str]:
    def cell(key: str) -> str:
        return "-" if values[key] is None else f"{values[key]:.{digits}f} {unit}"

    return cell("p50"), cell("p99"), cell("max"), f"{values['n']} values"
