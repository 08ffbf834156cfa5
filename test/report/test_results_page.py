"""`docs/results.md` is what `vla results` makes of the records of measurements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vla_core.cli.main import main
from vla_core.report.results_page import ResultsError, load_records, results_page
from vla_core.statistics.measurement import Figure, command, read_measurement, write_measurement

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_command_makes_of_the_records(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    assert main(["results", "--records", str(ROOT / "benchmarks/results"), "--out", str(page)]) == 0
    assert page.read_text() == (ROOT / "docs/results.md").read_text(), "run `vla results`"


def test_what_a_bench_writes_is_a_record(tmp_path: Path) -> None:
    success = Figure("success", 96.5, "%", (93.0, 98.0), 200)
    write_measurement(tmp_path / "new" / "eval.json", {"title": "Eval", "kept": 1}, [success])
    written = json.loads((tmp_path / "new" / "eval.json").read_text())
    assert written["kept"] == 1
    assert set(written["measured"]) == {"commit", "command", "machine", "date"}
    (record,) = load_records(tmp_path / "new")
    assert record.figures == (success,)
    assert "| success | 96.5 % | 93 to 98 | 200 |" in results_page([record])


def test_the_command_is_told_as_it_is_typed() -> None:
    assert command([str(ROOT / "vla_core/cli/__main__.py"), "eval", "a b"]) == "vla eval 'a b'"
    assert command([str(ROOT / "benchmarks/replay.py"), "BAG"]) == "benchmarks/replay.py BAG"
    faults = str(ROOT / "vla_nodes/programs/faults/__main__.py")
    assert command([faults]) == "python -m vla_nodes.programs.faults"


def test_rows_alone_keep_their_order(tmp_path: Path) -> None:
    write_measurement(tmp_path / "rows.json", [{"a": 1}, {"a": 2}])
    assert json.loads((tmp_path / "rows.json").read_text())["rows"] == [{"a": 1}, {"a": 2}]


def test_a_run_goes_on_from_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    assert read_measurement(tmp_path / "kills.json") == {}
    write_measurement(tmp_path / "kills.json", {"shared memory": [1, 2]})
    assert read_measurement(tmp_path / "kills.json") == {"shared memory": [1, 2]}


@pytest.mark.parametrize("content", ["no json", "{}", '{"measured": {"commit": "abc"}}', "[]"])
def test_a_file_that_is_no_record_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(ResultsError, match="odd.json"):
        load_records(tmp_path)


def test_killed_as_it_is_written_anew_a_record_is_still_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "kept.json"
    write_measurement(path, {"attempts": 1})

    def killed(self: Path, text: str) -> None:
        with self.open("w"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        write_measurement(path, {"attempts": 2})
    assert read_measurement(path)["attempts"] == 1
