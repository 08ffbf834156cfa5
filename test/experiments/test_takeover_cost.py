"""What takeovers cost is told of the tables that were taken over, beside the same undisturbed."""

from __future__ import annotations

import io

from rich.console import Console

from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.experiments import takeover_cost
from vla_core.experiments.takeover_cost import compare_operators, print_operators

MOTION = MotionQuality(0.0, 0.0, 0.0)
#: Tables that each operator leaves done, and that it took over on.
DONE = {"": {1, 2, 3}, "still": {1, 2, 4}, "returning": {1, 2, 3}, "moving": {1}}
TAKEN = {"": set(), "still": {2, 3, 4}, "returning": {1}, "moving": {1, 2, 3, 4}}


def rows(monkeypatch) -> list[dict]:
    def evaluate_each(cases, seeds, workers, progress):
        for settings in cases:
            who = settings.operator
            yield [
                EpisodeResult(s, "put", s in DONE[who], 2.0, MOTION, takeovers=s in TAKEN[who])
                for s in seeds
            ]

    monkeypatch.setattr(takeover_cost, "evaluate_each", evaluate_each)
    base = EvaluationSettings("dial_tabletop")
    return list(compare_operators(base, [1, 2, 3, 4], 1, lambda result: None))


def test_only_tables_that_were_taken_over_are_compared(monkeypatch):
    nobody, still, _, moving = rows(monkeypatch)
    assert nobody["operator"] == "nobody" and "beside_undisturbed" not in nobody
    assert (still["tables"], still["undisturbed"], still["done"]) == (3, 2, 2)
    assert (still["beside_undisturbed"]["gained"], still["beside_undisturbed"]["lost"]) == (1, 1)
    assert (moving["tables"], moving["undisturbed"], moving["done"]) == (4, 3, 1)


def test_the_table_says_what_it_cost(monkeypatch):
    said = io.StringIO()
    print_operators(rows(monkeypatch), Console(file=said, width=120))
    assert "75.0%" in said.getvalue() and "+0 -2" in said.getvalue()


def test_tables_that_were_done_too_soon_tell_nothing(monkeypatch):
    monkeypatch.setitem(TAKEN, "still", set())
    still = rows(monkeypatch)[1]
    assert still["tables"] == 0 and "beside_undisturbed" not in still
