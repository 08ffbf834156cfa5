"""Prints a diagnosis."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from vla_core.doctor.diagnosis import Diagnosis
from vla_core.report.robot.report_table import report_table
from vla_core.types import NANOSECONDS


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """The topics, then every finding with its time."""
    of = f", {diagnosis.episodes} episodes" if diagnosis.episodes is not None else ""
    held_to = f"held to {diagnosis.robot}" if diagnosis.robot else "of no robot that is known"
    console.print(f"{diagnosis.path}: {diagnosis.duration_s:.1f} s{of}, {held_to}", highlight=False)
    topics = report_table("what it holds", "topic", "messages", "looked at as")
    for topic, count in sorted(diagnosis.messages.items()):
        topics.add_row(escape(topic), str(count), diagnosis.looked_at[topic])
    console.print(topics)
    for note in diagnosis.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    if not diagnosis.findings:
        console.print("[green]nothing wrong was found[/green]")
        return
    table = report_table(f"{len(diagnosis.findings)} findings", "when [s]", "kind", "topic", "what")
    for finding in diagnosis.findings:
        begin_s, end_s = (
            (time_ns - diagnosis.start_ns) / NANOSECONDS
            for time_ns in (finding.time_ns, finding.end_ns)
        )
        when = f"{begin_s:.3f}" if begin_s == end_s else f"{begin_s:.3f} to {end_s:.3f}"
        episode = "" if finding.episode is None else f"episode {finding.episode}: "
        times = f" ({finding.count} times)" if finding.count > 1 else ""
        table.add_row(
            episode + when,
            f"[red]{finding.kind.value}[/red]",
            escape(finding.topic),
            escape(finding.text) + times,
        )
    console.print(table)
    for (kind, topic), count in diagnosis.untold.items():
        console.print(f"{count} more of {kind.value} {escape(topic)}", highlight=False)
