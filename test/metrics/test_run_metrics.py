"""What the nodes report becomes rates, latencies, ages and losses."""

from __future__ import annotations

import pytest
from example_run import MILLISECOND, START, example_metrics
from rich.console import Console

from vla_core.metrics.live_table import run_table, status_line
from vla_core.metrics.run_metrics import RunMetrics
from vla_core.statistics.quantiles import quantiles

SUMMARY_KEYS = {
    "rates_hz", "latency_ms", "compute_ms", "command_period_error_us", "command_tick_cost_us",
    "intent_age_ms", "skew_ms", "received", "drops", "limited",
}  # fmt: skip


def test_rates_are_those_of_the_streams():
    assert example_metrics().summary()["rates_hz"] == pytest.approx(
        {"observation": 20, "intent": 5, "chunk": 10, "command": 100}
    )


def test_latency_is_counted_from_the_camera():
    latency = example_metrics().summary()["latency_ms"]
    assert latency["camera_to_intent"]["p50"] == 30
    assert latency["camera_to_chunk"]["p99"] == 20


def test_camera_to_command_counts_the_first_tick_of_each_chunk():
    latency = example_metrics(2.0).summary()["latency_ms"]["camera_to_command"]
    assert latency == {"p50": 25.0, "p99": 25.0, "max": 25.0, "n": 20}


def test_sequence_gaps_are_losses_and_still_count_in_the_rate():
    metrics = RunMetrics()
    for sequence in (1, 2, 5, 6, 11):
        metrics.add_chunk(START + sequence * 100 * MILLISECOND, START, sequence, 0.0)
    summary = metrics.summary()
    assert summary["drops"]["chunk"] == 6
    assert summary["rates_hz"]["chunk"] == pytest.approx(10.0)


def test_a_restarted_publisher_is_no_loss():
    metrics = RunMetrics()
    for sequence in (100, 101, 1, 2):
        metrics.add_intent(START, START, sequence, 0.0)
    assert metrics.summary()["drops"]["intent"] == 0


def test_limits_are_counted_by_name():
    limited = example_metrics(2.0).summary()["limited"]
    assert limited == {"ticks": 4, "of": 200, "constraints": {"velocity": 4}}


def test_nothing_measured_is_said_plainly():
    summary = RunMetrics().summary()
    assert set(summary) == SUMMARY_KEYS
    assert summary["latency_ms"]["camera_to_command"] == quantiles([])
    assert summary["rates_hz"]["command"] == 0.0


def test_series_has_one_value_a_tick():
    time_s, period_error_us, intent_age_ms = example_metrics(1.0).command_series
    assert len(time_s) == len(period_error_us) == len(intent_age_ms) == 100
    assert (time_s[0], time_s[-1]) == (0.0, pytest.approx(0.99))


@pytest.mark.parametrize("metrics", [RunMetrics(), example_metrics()])
def test_table_and_line_show_any_run(metrics):
    console = Console(width=120, record=True)
    console.print(run_table(metrics.summary() | {"memory_mb": {"total": 812.0}}, "run"))
    shown = console.export_text()
    assert "camera to command" in shown
    assert "812 MB" in shown
    assert "POLICY" in status_line(metrics.summary(), "POLICY", "1/10")
