"""What papers report on LIBERO, as their tables have it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from vla_core.contract.abilities import PaperRow


@cache
def paper_rows(folder: str) -> tuple[PaperRow, ...]:
    """Of one of the benchmark's suites, by its name there."""
    told = yaml.safe_load((Path(__file__).parent / "papers.yaml").read_text())
    return tuple(
        PaperRow(row["policy"], round(row["percent"][folder] / 100, 3), row["source"])
        for row in told
        if folder in row["percent"]
    )
