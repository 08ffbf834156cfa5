"""`report.html` of a live run: success, videos, latencies, losses, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plotly.graph_objects import Figure

from vla_core.metrics.live_table import LATENCY_NAMES, STREAM_NAMES
from vla_core.metrics.run_metrics import RunMetrics
from vla_core.report.figures import distribution_figure, series_figure
from vla_core.report.page import data_uri, render
from vla_core.report.thinned import Thinned, larger
from vla_core.statistics.success_rate import SuccessRate

#: Points of a plot over time, at most.
_POINTS = 2000


@dataclass(frozen=True)
class ReportVideo:
    """An MP4 beside the report, to be embedded.

    Attributes:
        title: e.g. "Best episode".
        caption: what is seen.
    """

    path: Path
    title: str
    caption: str


def write_report(
    path: Path,
    summary: Mapping[str, Any],
    metrics: RunMetrics,
    videos: Sequence[ReportVideo],
    created: str,
) -> None:
    """Render the page.

    Args:
        summary: as in `summary.json`.
        metrics: where the plots' samples come from.
        created: date and time, as shown.
    """
    episodes = summary["episodes"]
    page = render(
        "demo.html.jinja",
        summary=summary,
        success=SuccessRate.of(e["success"] for e in episodes) if episodes else None,
        videos=[(video, data_uri(video.path.read_bytes(), "video/mp4")) for video in videos],
        streams=STREAM_NAMES,
        latencies=LATENCY_NAMES,
        latency_figure=distribution_figure(_named(metrics.latencies_ms)),
        timing_figures=_timing_figures(metrics),
        created=created,
    )
    path.write_text(page)


def _named(samples: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    return {LATENCY_NAMES[key]: values for key, values in samples.items()}


def _timing_figures(metrics: RunMetrics) -> list[tuple[str, Figure]]:
    time_s, period_error_us, intent_age_ms = metrics.command_series
    return [
        (
            "Age of the intent behind each command",
            series_figure({"intent age": _peaks(time_s, intent_age_ms)}, "ms"),
        ),
        (
            "Period error of the command loop, largest of each stretch",
            series_figure({"period error": _peaks(time_s, period_error_us)}, "µs"),
        ),
    ]


def _peaks(times_s: Sequence[float], values: Sequence[float]) -> Thinned[tuple[float, float]]:
    thinned = Thinned(_POINTS, larger)
    for point in zip(times_s, values, strict=True):
        thinned.add(point)
    return thinned
