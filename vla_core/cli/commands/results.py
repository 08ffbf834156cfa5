"""Make docs/results.md of the records of measurements in benchmarks/results."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "make docs/results.md of the measurements in benchmarks/results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla results`."""
    parser.add_argument(
        "--records", type=Path, default=Path("benchmarks/results"), help="folder of JSON files"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"), help="the page")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from vla_core.report.results_page import ResultsError, load_records, results_page

    records = load_records(args.records)
    if not records:
        raise ResultsError(
            f"{args.records}: expected JSON files of benches, got none; run it in the checkout"
        )
    args.out.write_text(results_page(records))
    print(f"{args.out}: {len(records)} measurements")
    return 0
