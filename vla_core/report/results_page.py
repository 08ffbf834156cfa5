"""`docs/results.md`, from the records of measurements in `benchmarks/results`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import VlaError
from vla_core.result_table import page_table
from vla_core.statistics.measurement import Figure

_HEAD = """# Results

*Made by `vla results` of the records in `benchmarks/results`; edit those, not this page.*

Intervals are of 95 %. Under each table: commit, command, machine, date; or the page and commit that
the figures were first entered with.
"""
_HEADINGS = ("figure", "value", "95 % interval", "trials")
_PROVENANCE = ("commit", "command", "machine", "date", "source")


class ResultsError(VlaError):
    """A record of measurements that cannot be shown."""


@dataclass(frozen=True)
class Record:
    """One measurement.

    Attributes:
        title: of its section.
        measured: commit, command, machine, date; or `source`, where the figures were taken from.
        figures: single numbers.
        table: rows of texts under a first row of headings; empty where there is none.
    """

    title: str
    measured: dict[str, str]
    figures: tuple[Figure, ...]
    table: tuple[tuple[str, ...], ...]


def load_records(folder: Path) -> tuple[Record, ...]:
    """Records of a folder, in the order of their files' names.

    Raises:
        ResultsError: a file that is no JSON, has no `measured`, or neither figures nor a table.
    """
    return tuple(_load(path) for path in sorted(folder.glob("*.json")))


def results_page(records: Sequence[Record]) -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *(_section(record) for record in records)])


def _load(path: Path) -> Record:
    try:
        content = json.loads(path.read_text())
        how = content["measured"]
        measured = {key: how[key] for key in _PROVENANCE if key in how}
        figures = tuple(_figure(figure) for figure in content.get("figures", ()))
        table = tuple(tuple(row) for row in content.get("table", ()))
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path}: got no record of a measurement ({error!r}), expected a JSON of a bench"
        ) from error
    if not measured or not (figures or table):
        raise ResultsError(f"{path}: expected `measured`, and `figures` or a `table`")
    return Record(content.get("title", path.stem.replace("_", " ")), measured, figures, table)


def _figure(content: dict) -> Figure:
    interval = content.get("interval")
    return Figure(**content | {"interval": tuple(interval) if interval else None})


def _section(record: Record) -> str:
    rows = [_HEADINGS, *(_row(figure) for figure in record.figures)] if record.figures else []
    tables = [page_table(each) for each in (rows, record.table) if each]
    measured = "; ".join(_quoted(key, value) for key, value in record.measured.items())
    return "\n\n".join([f"## {record.title}", *tables, measured]) + "\n"


def _quoted(key: str, value: str) -> str:
    return f"`{value}`" if key in ("command", "commit") else value


def _row(figure: Figure) -> tuple[str, ...]:
    interval = "" if figure.interval is None else " to ".join(_number(x) for x in figure.interval)
    trials = "" if figure.trials is None else str(figure.trials)
    return figure.what, f"{_number(figure.value)} {figure.unit}".strip(), interval, trials


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
