"""What the safety filter costs the task: the same tables with and without it, in one run.

With margins as they are, and with the margins between the arms deliberately wider: there braking
along the path is set beside control barriers alone, which push the robot off what its policy
planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console

from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.evaluate import evaluate_each
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments.asynchrony import summary
from vla_core.result_table import interval_text, number_text, result_table
from vla_core.statistics.paired import compare_paired

_CAPTION = (
    "arms' margins wider by [mm]; tables gained and lost beside no filter, and the difference's 95 % "
    "interval; mean time to success [s]; 99th percentile of how far the command is from what the "
    "policy wants then, mean of the episodes [rad]"
)


@dataclass(frozen=True)
class FilterCase:
    """One way of filtering.

    Attributes:
        name: as shown.
        filtered, path_braking: as in `EvaluationSettings`.
        wider_mm: added to the margins between the arms [mm].
    """

    name: str
    filtered: bool = True
    path_braking: bool = True
    wider_mm: int = 0


def filter_cases(wider_mm: int) -> tuple[FilterCase, ...]:
    """No filter; each way of filtering; each again with the arms' margins `wider_mm` wider."""
    return (
        FilterCase("no filter", filtered=False),
        FilterCase("braking along the path"),
        FilterCase("barriers alone", path_braking=False),
        FilterCase("braking along the path", wider_mm=wider_mm),
        FilterCase("barriers alone", path_braking=False, wider_mm=wider_mm),
    )


def compare_filters(
    cases: Sequence[FilterCase],
    base: EvaluationSettings,
    seeds: Sequence[int],
    workers: int,
    progress: Callable[[EpisodeResult], None],
) -> Iterator[dict[str, Any]]:
    """Run all cases on the same seeds; a row a case, as soon as it is measured.

    Args:
        cases: the one without a filter first; the others are set beside it.
    """
    settings = [
        replace(
            base,
            filtered=case.filtered,
            path_braking=case.path_braking,
            arms_margin_m=case.wider_mm / 1000,
        )
        for case in cases
    ]
    unfiltered: list[bool] = []
    for case, results in zip(cases, evaluate_each(settings, seeds, workers, progress), strict=True):
        successes = [result.success for result in results]
        row = {
            "filter": case.name,
            "wider_mm": case.wider_mm,
            **summary(results),
            "off_path_rad": float(np.mean([result.motion.off_path for result in results])),
            "successes": successes,
        }
        if case.filtered:
            row["beside_unfiltered"] = compare_paired(unfiltered, successes)._asdict()
        else:
            unfiltered = successes
        yield row


def print_filters(rows: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """The table in the terminal."""
    table = result_table(
        "filter", ">wider", ">success", ">95 %", ">beside none", ">difference", ">time", ">off path",
        caption=_CAPTION,
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["filter"],
            str(row["wider_mm"]),
            f"{row['success_rate']:.1%}",
            interval_text(row["ci95"]),
            *_beside(row.get("beside_unfiltered")),
            number_text(row["completion_s"], 1),
            f"{row['off_path_rad']:.3f}",
        )
    (console or Console()).print(table)


def _beside(found: dict[str, Any] | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    low, high = found["ci95"]
    return f"+{found['gained']} -{found['lost']}", f"{low:+.1%} to {high:+.1%}"
