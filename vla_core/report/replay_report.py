"""`report.html` of an offline replay: one episode from picture to command, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plotly.graph_objects import Figure

from vla_core.doctor.diagnosis import Diagnosis
from vla_core.replay.event_log.logged_event import INTENT_NUMBERS
from vla_core.replay.offline.table import STAGES
from vla_core.report.figures import series_figure
from vla_core.report.page import render
from vla_core.report.replay_figures import JOINT_LINES, joint_figure, safety_figure, safety_rows
from vla_core.report.replay_notes import ReplayNotes
from vla_core.result_table import number_text, ratio_text
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

#: Rows of the strip: what a picture shows, in words.
STRIP = {
    "seen": "what is seen",
    "current": "its features",
    "predicted": "features foreseen",
    "true": "features that came true",
    "predicted_change": "change foreseen",
    "true_change": "change that came true",
    "predicted_outline": "outline foreseen",
    "predicted_picture": "picture foreseen",
    "true_picture": "picture that came true",
}
_FEATURES = ("current", "predicted", "true")
_SERIES = {
    "foresight": {
        "foreseen_change": "foreseen to present",
        "true_change": "future to present",
        "foresight_error": "foreseen to future",
    },
    "stages": STAGES,
    "age": {"intent_age": "intent"},
    "skew": {"skew": "skew"},
    "gap": {"gap": "gap"},
    "path_slowdown": {"path_slowdown": "slowdown"},
}
_UNITS = {
    "foresight": "cosine distance", "stages": "ms", "age": "ms", "skew": "ms", "gap": "",
    "path_slowdown": "", "intent": "",
}  # fmt: skip


def write_replay_report(
    path: Path,
    episode: str,
    notes: ReplayNotes,
    result: Mapping[str, Any],
    robot: RobotModel,
    diagnosis: Diagnosis | str,
    created: str,
) -> None:
    """Render the page.

    Args:
        episode: that the notes are of.
        notes: what happened in it.
        result: of the whole replay, as in `offline.json`.
        diagnosis: of the recording; a text: why there is none.
        created: date and time, as shown.
    """
    end_s = notes.end_s
    groups = {
        group: [_joint(robot, name, notes) for name in names]
        for group, names in robot.description.groups.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    page = render(
        "replay.html.jinja",
        title=f"Replay of {Path(result['recording']).name}",
        episode=episode,
        result=result,
        notes=notes,
        groups=groups,
        joint_lines=JOINT_LINES,
        figures={
            name: figure
            for name, labels in (_SERIES | {"intent": _intent_numbers(notes)}).items()
            if (figure := _series(name, labels, notes)) is not None
        },
        safety=safety_figure(notes, end_s),
        safety_rows=(len(safety_rows(notes)), len(notes.spans)),
        strip=_strip(notes),
        feature_rows=_FEATURES,
        stages=STAGES,
        findings=_findings(diagnosis, notes),
        diagnosis=diagnosis,
        number=number_text,
        ratio=ratio_text,
        created=created,
    )
    path.write_text(page)


def _joint(robot: RobotModel, name: str, notes: ReplayNotes) -> tuple[str, str, Figure]:
    """Name, unit and figure."""
    index = robot.index(name)
    return name, robot.description.joints[index].unit.value, joint_figure(notes, index, notes.end_s)


def _strip(notes: ReplayNotes) -> dict[str, str]:
    """Rows of the strip that any step has."""
    shown = {
        name for step in notes.steps.items for of in step.pictures.values() for name in of
    }
    return {name: words for name, words in STRIP.items() if name in shown}


def _intent_numbers(notes: ReplayNotes) -> dict[str, str]:
    """Series that the policy shows of its intents, and their names."""
    mine = (key for key in notes.series if key.startswith(INTENT_NUMBERS))
    return {key: key.removeprefix(INTENT_NUMBERS) for key in mine}


def _series(name: str, labels: Mapping[str, str], notes: ReplayNotes) -> Figure | None:
    """Of the series that were measured, by their labels; None where none was."""
    known = {label: notes.series[key] for key, label in labels.items() if key in notes.series}
    if not known:
        return None
    figure = series_figure(known, _UNITS[name], notes.end_s)
    if name == "stages":
        figure.update_yaxes(type="log", dtick=1)
    return figure


def _findings(diagnosis: Diagnosis | str, notes: ReplayNotes) -> list[tuple[str, Any]]:
    """When, on the page's time axis, and what."""
    if isinstance(diagnosis, str):
        return []
    # a bag's findings have the recording's clock, a data set's the time since the episode's begin
    begin_ns = notes.start_ns if diagnosis.start_ns else 0
    rows = []
    for finding in diagnosis.findings:
        begin_s, end_s = (
            (time_ns - begin_ns) / NANOSECONDS for time_ns in (finding.time_ns, finding.end_ns)
        )
        when = f"{begin_s:.3f}" if begin_s == end_s else f"{begin_s:.3f} to {end_s:.3f}"
        rows.append((when, finding))
    return rows
