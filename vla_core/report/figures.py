"""Figures of the pages, in greys and colours that show on light and on dark paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from plotly.graph_objects import Figure

from vla_core.report.thinned import Thinned

TEXT, GRID = "#858b92", "rgba(130, 136, 142, 0.22)"
COLOURS = ("#3b82b5", "#c9742b", "#3f9b71", "#b5527a", "#8a6fc0", "#a08a2c")
_HEIGHT = 260


def empty_figure(x_title: str, y_title: str, height: int = _HEIGHT) -> Figure:
    """Axes without lines.

    All at once and without plotly's default template, which a page leaves out: plotly would check
    that in every figure, and every change for itself.
    """
    axis = {"gridcolor": GRID, "linecolor": GRID, "zerolinecolor": GRID}
    return Figure(
        layout={
            "template": "none",
            "height": height,
            "margin": {"l": 56, "r": 12, "t": 12, "b": 42},
            "paper_bgcolor": "rgba(0, 0, 0, 0)",
            "plot_bgcolor": "rgba(0, 0, 0, 0)",
            "font": {"family": "system-ui, DejaVu Sans, sans-serif", "size": 12, "color": TEXT},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "closest",
            "xaxis": {**axis, "title": {"text": x_title, "standoff": 8}},
            "yaxis": {**axis, "title": {"text": y_title, "standoff": 8}},
        }
    )


def time_figure(y_title: str, end_s: float | None = None, height: int = _HEIGHT) -> Figure:
    """Axes over the time of a run [s]; in a page, all of these are zoomed together."""
    figure = empty_figure("time [s]", y_title, height)
    figure.update_layout(meta="time")
    if end_s is not None:
        figure.update_xaxes(range=[0, end_s])
    return figure


def distribution_figure(samples: Mapping[str, Sequence[float]], unit: str = "ms") -> Figure:
    """Distribution functions: the share of samples at or under each value, log scale."""
    figure = empty_figure(unit, "share of samples")
    for (name, values), colour in zip(samples.items(), COLOURS, strict=False):
        ordered = np.sort([v for v in values if np.isfinite(v) and v > 0]).astype(np.float32)
        if len(ordered):
            share = np.arange(1, len(ordered) + 1, dtype=np.float32) / len(ordered)
            line = {"shape": "hv", "color": colour, "width": 1.8}
            figure.add_scatter(x=ordered, y=share, name=name, mode="lines", line=line)
    figure.update_xaxes(type="log", dtick="D2")
    figure.update_yaxes(range=[0, 1.02])
    return figure


def series_figure(
    series: Mapping[str, Thinned[tuple[float, float]]], unit: str, end_s: float | None = None
) -> Figure:
    """Values over time, largest of each stretch where there are many."""
    figure = time_figure(unit, end_s)
    for (name, thinned), colour in zip(series.items(), COLOURS, strict=False):
        times_s, values = np.array(thinned.items, np.float32).reshape(-1, 2).T
        line = {"color": colour, "width": 1.3}
        figure.add_scatter(x=times_s, y=values, name=name, mode="lines", line=line)
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(showlegend=len(series) > 1)
    return figure
