"""`report.html`: one self-contained page that shows a run; opens anywhere, fetches nothing."""

from __future__ import annotations

import base64
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vla_core.evaluation.success_rate import SuccessRate
from vla_core.replay.live_table import LATENCY_NAMES, STREAM_NAMES
from vla_core.replay.plots import latency_plot, timeline_plot
from vla_core.replay.run_metrics import RunMetrics

TEMPLATE = "report.html.jinja"


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
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    episodes = summary["episodes"]
    page = environment.get_template(TEMPLATE).render(
        summary=summary,
        success=SuccessRate.of(e["success"] for e in episodes) if episodes else None,
        videos=[(video, _data_uri(video.path)) for video in videos],
        streams=STREAM_NAMES,
        latencies=LATENCY_NAMES,
        latency_plot=Markup(latency_plot(_named(metrics.latencies_ms))),
        timing_plots=[(title, Markup(svg)) for title, svg in _timing_plots(metrics)],
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        created=created,
    )
    path.write_text(page)


def _named(samples: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    return {LATENCY_NAMES[key]: values for key, values in samples.items()}


def _timing_plots(metrics: RunMetrics) -> list[tuple[str, str]]:
    time_s, period_error_us, intent_age_ms = metrics.command_series
    return [
        (
            "Age of the intent behind each command",
            timeline_plot({"intent age": (time_s, intent_age_ms)}, "ms"),
        ),
        (
            "Period error of the command loop, largest of each stretch",
            timeline_plot({"period error": (time_s, period_error_us)}, "us"),
        ),
    ]


def _data_uri(path: Path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()
