"""What takeovers cost the task: the same tables undisturbed and taken over, in one run.

In stepped simulated time, so that neither the machine's load nor its clocks take part: what is left
is the handover itself (an operator who stays where the robot was), what the operator moves (one who
goes away with it and comes back), and where the robot is left (one who does not come back).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import evaluate_each
from vla_core.evaluation.settings import OPERATORS, EvaluationSettings
from vla_core.experiments.asynchrony import summary
from vla_core.result_table import result_table
from vla_core.statistics.paired import compare_paired

#: Longest episode, takeovers with it; for the undisturbed ones, too [s].
TIME_LIMIT_S = 30.0

_CAPTION = (
    "tables on which the operator took over before they were done; success there, undisturbed and "
    "taken over; tables gained and lost, difference with its 95 % interval (Bonett and Price), and "
    "p of McNemar's exact test"
)


def compare_operators(
    base: EvaluationSettings,
    seeds: Sequence[int],
    workers: int,
    progress: Callable[[EpisodeResult], None],
) -> Iterator[dict[str, Any]]:
    """Run nobody and all operators on the same seeds; a row each, as soon as it is measured."""
    operators = ("", *OPERATORS)
    settings = [
        replace(base, operator=operator, time_limit_s=TIME_LIMIT_S) for operator in operators
    ]
    undisturbed: list[EpisodeResult] = []
    for operator, results in zip(
        operators, evaluate_each(settings, seeds, workers, progress), strict=True
    ):
        row = {"operator": operator or "nobody", **summary(results)}
        if operator:
            row |= _beside(undisturbed, results)
        else:
            undisturbed = results
        yield row


def _beside(undisturbed: Sequence[EpisodeResult], taken: Sequence[EpisodeResult]) -> dict[str, Any]:
    """Where the operator took over, what became of it; empty where that never happened."""
    pairs = [(a.success, b.success) for a, b in zip(undisturbed, taken, strict=True) if b.takeovers]
    found = {"takeovers": sum(result.takeovers for result in taken), "tables": len(pairs)}
    if not pairs:
        return found
    before, after = zip(*pairs, strict=True)
    return found | {
        "undisturbed": sum(before),
        "done": sum(after),
        "beside_undisturbed": compare_paired(before, after)._asdict(),
    }


def print_operators(rows: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """The table in the terminal."""
    table = result_table(
        "operator", ">takeovers", ">tables", ">undisturbed", ">taken over", ">beside", ">95 %", ">p",
        caption=_CAPTION,
    )  # fmt: skip
    for row in rows:
        if "beside_undisturbed" not in row:
            continue
        beside, tables = row["beside_undisturbed"], row["tables"]
        low, high = beside["ci95"]
        table.add_row(
            row["operator"],
            str(row["takeovers"]),
            str(tables),
            f"{row['undisturbed'] / tables:.1%}",
            f"{row['done'] / tables:.1%}",
            f"+{beside['gained']} -{beside['lost']}",
            f"{low:+.1%} to {high:+.1%}",
            f"{beside['p']:.2g}",
        )
    (console or Console()).print(table)
