"""Pictures for the report, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

INK, SOFT, RULE = "#1d2125", "#6a7178", "#d9d6cf"
COLOURS = ("#1f4e79", "#b5651d", "#2d6a4f", "#7b2d43")
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "svg.hashsalt": "vla",
}


def latency_plot(samples: Mapping[str, Sequence[float]], unit: str = "ms") -> str:
    """Distribution functions: the share of samples at or under each value, log scale."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure()
        for (name, values), colour in zip(samples.items(), COLOURS, strict=False):
            ordered = np.sort([v for v in values if np.isfinite(v) and v > 0])
            if len(ordered) == 0:
                continue
            share = np.arange(1, len(ordered) + 1) / len(ordered)
            axes.step(ordered, share, where="post", color=colour, linewidth=1.6, label=name)
        axes.set_xscale("log")
        axes.set_xlabel(unit)
        axes.set_ylabel("share of samples")
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        if axes.has_data():
            axes.legend(frameon=False, loc="lower right")
        return _svg(figure)


def timeline_plot(series: Mapping[str, tuple[Sequence[float], Sequence[float]]], unit: str) -> str:
    """Values over the run's time [s]."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure()
        for (name, (times, values)), colour in zip(series.items(), COLOURS, strict=False):
            axes.plot(*_thinned(times, values), color=colour, linewidth=1.2, label=name)
        axes.set_xlabel("time [s]")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        if len(series) > 1:
            axes.legend(frameon=False, loc="upper right")
        return _svg(figure)


def _thinned(times: Sequence[float], values: Sequence[float], points: int = 800):
    """The largest value of every stretch, so that peaks stay visible in a small file."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) <= points:
        return times, values
    edges = np.linspace(0, len(values), points + 1).astype(int)
    peaks = np.array([values[a:b].max() for a, b in zip(edges[:-1], edges[1:], strict=True)])
    return np.asarray(times)[edges[:-1]], peaks


def _figure():
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    return figure, axes


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
