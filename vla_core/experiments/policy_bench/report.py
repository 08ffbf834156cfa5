"""The comparison of policies in the terminal, as a page, as a picture, as a record of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plotly.graph_objects import Figure
from rich.console import Console

from vla_core.report.figures import COLOURS, empty_figure
from vla_core.report.page import data_uri, render
from vla_core.result_table import interval_text, number_text, result_table

#: Headings of the table; those of numbers begin with `>`. The terminal has room for the first ones.
HEADINGS = (
    "policy", "suite, shift, strategy", ">n", ">success", ">95 %", ">beside baseline",
    ">95 % of difference", ">time [s]",
    ">System 2 [ms]", ">System 1 [ms]", ">parameters", ">training [min]", ">demonstrations",
)  # fmt: skip
_IN_TERMINAL = 8
CAPTION = (
    "beside baseline: scenes that only this policy does, that only the baseline does; time: mean "
    "simulated time to success"
)


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row as text, in the order of `HEADINGS`."""
    paired = row["paired"]
    gained = f"+{paired['gained']} -{paired['lost']}" if paired else ""
    low, high = paired["ci95"] if paired else (0.0, 0.0)
    return (
        Path(row["policy"]).name,
        _where(row),
        str(row["n"]),
        f"{row['success_rate']:.1%}",
        interval_text(row["ci95"]),
        gained,
        f"{low:+.0%} to {high:+.0%}" if paired else "",
        number_text(row["time_to_success_s"], 1),
        *(number_text(row[system]["p50"], 1) for system in ("system2_ms", "system1_ms")),
        *(number_text(row[key], 1) for key in ("parameters", "training_min", "demonstrations")),
    )


def print_rows(rows: Sequence[Mapping[str, Any]], console: Console | None = None) -> None:
    """The table in the terminal."""
    table = result_table(*HEADINGS[:_IN_TERMINAL], caption=CAPTION)
    for row in rows:
        table.add_row(*cells(row)[:_IN_TERMINAL])
    (console or Console()).print(table)


def record(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `docs/results.md` is made of, and all that was found."""
    headings = [heading.removeprefix(">") for heading in HEADINGS]
    return {"title": title, "table": [headings, *map(cells, rows)], "rows": list(rows)}


def write_page(
    path: Path,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    skipped: Mapping[str, str],
    videos: Sequence[Mapping[str, Path]],
    measured: Mapping[str, str],
) -> None:
    """One HTML file with everything in it.

    Args:
        rows, videos: in the same order; videos by what they are called.
        skipped: why policies do not stand in rows.
        measured: commit, command, machine, date.
    """
    embedded = [
        {name: data_uri(film.read_bytes(), "video/mp4") for name, film in films.items()}
        for films in videos
    ]
    page = render(
        "policy_bench.html.jinja",
        bench_title=title,
        headings=[(heading.removeprefix(">"), heading.startswith(">")) for heading in HEADINGS],
        rows=[(row, cells(row), films) for row, films in zip(rows, embedded, strict=True)],
        caption=CAPTION,
        skipped=skipped,
        figure=success_figure(rows),
        measured=measured,
    )
    path.write_text(page)


def success_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Success with its interval: a group for each suite, shift and strategy, a bar for each policy."""
    figure = empty_figure("", "success [%]", 320)
    for (policy, mine), colour in zip(_by_policy(rows).items(), COLOURS * len(rows), strict=False):
        rates = [100 * row["success_rate"] for row in mine]
        figure.add_bar(
            name=policy,
            x=[_where(row) for row in mine],
            y=rates,
            marker={"color": colour},
            error_y={
                "array": [100 * row["ci95"][1] - r for row, r in zip(mine, rates, strict=True)],
                "arrayminus": [r - 100 * row["ci95"][0] for row, r in zip(mine, rates, strict=True)],
                "thickness": 1,
            },
        )
    figure.update_yaxes(range=[0, 100])
    return figure


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The same as a picture (PNG)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    places = list(dict.fromkeys(map(_where, rows)))
    policies = _by_policy(rows)
    width = 0.8 / len(policies)
    figure, axes = plt.subplots(figsize=(2.4 + 1.8 * len(places), 3.8), layout="constrained")
    for number, (policy, mine) in enumerate(policies.items()):
        at = [places.index(_where(row)) + (number + 0.5) * width - 0.4 for row in mine]
        rates = [100 * row["success_rate"] for row in mine]
        bounds = [[abs(100 * row["ci95"][k] - r) for row, r in zip(mine, rates, strict=True)] for k in (0, 1)]
        axes.bar(at, rates, width, yerr=bounds, label=policy, error_kw={"lw": 0.6})
    axes.set(xticks=range(len(places)), xticklabels=places, ylabel="success [%]", ylim=(0, 100))
    figure.legend(loc="outside upper center", ncols=len(policies), fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _where(row: Mapping[str, Any]) -> str:
    return f"{row['suite']}, {row['shift']}, {row['strategy']}"


def _by_policy(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(Path(row["policy"]).name, []).append(row)
    return found
