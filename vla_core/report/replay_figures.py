"""Figures of a replay: joints with chunks, and when the safety filter acted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from plotly.graph_objects import Figure

from vla_core.replay.event_log.logged_event import Constrained, JointSource
from vla_core.report.figures import COLOURS, TEXT, time_figure
from vla_core.report.replay_notes import ReplayNotes
from vla_core.types import ControlMode

#: Lines of a joint's figure, as the page's legend tells them.
JOINT_LINES = {
    JointSource.MEASURED.value: "#9aa0a6",
    JointSource.RECORDED.value: COLOURS[0],
    JointSource.REPLAYED.value: COLOURS[1],
    "chunks": COLOURS[2],
}
#: Rows of the safety timeline for each constraint: the subjects on which it acted most.
ROWS_EACH = 4
_MODES = {
    ControlMode.IDLE: "#9aa0a6",
    ControlMode.HOLD: COLOURS[5],
    ControlMode.POLICY: COLOURS[2],
    ControlMode.STOPPING: COLOURS[1],
    ControlMode.ESTOP: "#c0453a",
}
_ROW_HEIGHT = 22
#: Narrowest bar, as a share of the whole time, so that one tick can be seen.
_NARROWEST = 1 / 700


def joint_figure(notes: ReplayNotes, joint: int, end_s: float) -> Figure:
    """One joint: measured, told then, decided now, and every chunk.

    Args:
        joint: its place in the canonical order.
    """
    figure = time_figure("", end_s, height=190)
    for source, thinned in notes.joints.items():
        if thinned.items:
            times_s = np.array([time_s for time_s, _ in thinned.items], np.float32)
            values = np.array([position[joint] for _, position in thinned.items])
            _line(figure, times_s, values, source.value, 1.4)
    if notes.chunks.items:
        gap = np.array([np.nan], np.float32)
        times = [part for times_s, _ in notes.chunks.items for part in (times_s, gap)]
        values = [part for _, targets in notes.chunks.items for part in (targets[:, joint], gap)]
        _line(figure, np.concatenate(times), np.concatenate(values), "chunks", 1.0)
    figure.update_layout(showlegend=False, margin={"l": 48, "r": 8, "t": 4, "b": 30})
    figure.update_xaxes(title_text="")
    return figure


def _line(figure: Figure, times_s: np.ndarray, values: np.ndarray, name: str, width: float) -> None:
    line = {"color": JOINT_LINES[name], "width": width}
    opacity = 0.75 if name == "chunks" else 1.0
    figure.add_scatter(x=times_s, y=values, name=name, mode="lines", line=line, opacity=opacity)


def safety_rows(notes: ReplayNotes) -> list[tuple[str, Sequence[Constrained]]]:
    """`subject: constraint` and its spans, for each constraint the busiest subjects."""
    rows: dict[str, list[tuple[str, Sequence[Constrained]]]] = {}
    busiest = sorted(notes.spans.items(), key=lambda item: -item[1].ticks)
    for (name, subject), merged in busiest:
        of_name = rows.setdefault(name, [])
        if len(of_name) < ROWS_EACH:
            of_name.append((f"{subject}: {name}", merged.spans))
    return [row for of_name in rows.values() for row in of_name]


def safety_figure(notes: ReplayNotes, end_s: float) -> Figure:
    """Modes, and below them which constraint changed the command when, on what, by how much.

    The darker a bar, the larger the amount beside the largest of its row.
    """
    rows = safety_rows(notes)
    figure = time_figure("", end_s, height=60 + _ROW_HEIGHT * (len(rows) + 1))
    _modes(figure, notes, end_s)
    by_name: dict[str, list[tuple[str, Sequence[Constrained]]]] = {}
    for label, spans in rows:
        by_name.setdefault(spans[0].name, []).append((label, spans))
    for place, (name, labelled) in enumerate(by_name.items()):
        _bars(figure, notes, name, labelled, COLOURS[place % len(COLOURS)], end_s)
    order = ["mode", *(label for label, _ in rows)]
    figure.update_yaxes(
        categoryorder="array", categoryarray=order[::-1], range=[-0.5, len(order) - 0.5],
        automargin=True, showgrid=False, tickfont={"size": 11, "color": TEXT},
    )  # fmt: skip
    figure.update_layout(barmode="overlay", bargap=0.25, showlegend=False)
    return figure


def _bars(
    figure: Figure,
    notes: ReplayNotes,
    name: str,
    labelled: Sequence[tuple[str, Sequence[Constrained]]],
    colour: str,
    end_s: float,
) -> None:
    spans = [(label, span) for label, row in labelled for span in row]
    largest: Mapping[str, float] = {
        label: max(span.largest for span in row) for label, row in labelled
    }
    begins_s = [notes.since_begin_s(span.time_ns) for _, span in spans]
    ends_s = [notes.since_begin_s(span.end_ns) for _, span in spans]
    figure.add_bar(
        orientation="h",
        name=name,
        y=[label for label, _ in spans],
        base=np.array(begins_s, np.float32),
        x=np.maximum(np.subtract(ends_s, begins_s), end_s * _NARROWEST).astype(np.float32),
        marker={
            "color": colour,
            "line": {"width": 0},
            "opacity": [
                round(0.35 + 0.65 * span.largest / (largest[label] or 1.0), 2)
                for label, span in spans
            ],
        },
        customdata=[
            f"{begin_s:.3f} to {end_s:.3f} s: {span.ticks} commands, largest {span.largest:.4g}"
            for (_, span), begin_s, end_s in zip(spans, begins_s, ends_s, strict=True)
        ],
        hovertemplate="%{y}<br>%{customdata}<extra></extra>",
    )


def _modes(figure: Figure, notes: ReplayNotes, end_s: float) -> None:
    times_s = [time_s for time_s, _ in notes.modes] + [end_s]
    for (begin_s, entered), until_s in zip(notes.modes, times_s[1:], strict=True):
        mode = entered.mode
        figure.add_bar(
            orientation="h",
            y=["mode"],
            base=[begin_s],
            x=[max(until_s - begin_s, end_s * _NARROWEST)],
            marker={"color": _MODES.get(mode, TEXT), "line": {"width": 0}},
            text=mode.name,
            textposition="inside",
            insidetextanchor="middle",
            hovertemplate=f"{mode.name}, {begin_s:.3f} to {until_s:.3f} s<extra></extra>",
        )
