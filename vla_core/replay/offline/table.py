"""The progress and the result of an offline replay in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vla_core.result_table import number_text, ratio_text, result_table

#: Constraints that are shown, most frequent first.
_MOST = 12
#: Of a replay, by key in `latency_ms`.
STAGES = {
    "image_decoding": "image decoding",
    "alignment": "check, resize, align",
    "system2": "System 2 (encoder, foresight)",
    "system1": "System 1 (encoder, sampling)",
    "command_tick": "command tick (safety filter)",
}


def print_result(result: Mapping[str, Any], console: Console | None = None) -> None:
    """The scores of one replay."""
    console = console or Console()
    console.print(_error_table(result))
    console.print(_other_table(result))
    console.print(_safety_table(result["safety"]))
    for example in result["refused"]["examples"][:3]:
        console.print(f"not taken: {example}", highlight=False, markup=False)


def _error_table(result: Mapping[str, Any]) -> Table:
    """Errors by group and look-ahead, and how they compare with those of holding."""
    groups = result["action_mae"]
    headings = (f">{lookahead} s ahead" for lookahead in next(iter(groups.values())))
    table = result_table(
        "mean absolute error (ratio to holding)", *headings, title=_title(result)
    )
    for group, rows in groups.items():
        cells = (
            f"{number_text(row['policy'])} ({ratio_text(row['policy'], row['holding']) or '-'})"
            for row in rows.values()
        )
        table.add_row(group, *cells)
    return table


def _other_table(result: Mapping[str, Any]) -> Table:
    table = result_table("", ">policy", ">holding, copying", ">ratio")
    for tolerance, row in result["action_accuracy"].items():
        cells = (_percent(row["policy"]), _percent(row["holding"]))
        ratio = ratio_text(row["policy"], row["holding"])
        table.add_row(f"targets within {tolerance}", *cells, ratio)
    error, copy = result["foresight_error"], result["foresight_error_copy"]
    if error is not None:
        cells = (number_text(error), number_text(copy), ratio_text(error, copy))
        table.add_row("foresight error", *cells)
        of_mean = number_text(result["foresight_error_mean"])
        table.add_row("  of the recording's mean", of_mean, "", "")
    table.add_section()
    table.add_row("", "p50", "p99", "")
    gap, age = result["discontinuity"]["gap"], result["intent_age_ms"]
    for name, times, digits in (
        ("gap where chunks join", gap, 4),
        ("intent age at the command, ms", age, 0),
    ):
        cells = (number_text(times["p50"], digits), number_text(times["p99"], digits))
        table.add_row(name, *cells, "")
    for stage, name in STAGES.items():
        times = result["latency_ms"][stage]
        cells = (number_text(times["p50"], 1), number_text(times["p99"], 1), f"{times['n']} times")
        table.add_row(f"{name}, ms", *cells)
    return table


def _safety_table(safety: Mapping[str, Any]) -> Table:
    table = result_table(
        "constraint", ">count", ">largest", "where most",
        title=f"What the safety filter would have done, in {safety['ticks']} ticks",
    )  # fmt: skip
    for name, row in list(safety["constraints"].items())[:_MOST]:
        most = ", ".join(f"{s} {n}" for s, n in list(row["subjects"].items())[:3])
        table.add_row(name, str(row["count"]), number_text(row["largest"]), most)
    for mode, count in safety["stops"].items():
        table.add_row(f"entered {mode}", str(count), "", "")
    return table


def _title(result: Mapping[str, Any]) -> str:
    return (
        f"{Path(result['recording']).name}: {result['policy']} on {result['robot']}, "
        f"{result['episodes']} episodes, {result['frames']} frames at "
        f"{result['frames_per_s']:.0f} a second ({result['times_real_time']:.1f} times real time), "
        f"{result['memory_mb']:.0f} MB"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
