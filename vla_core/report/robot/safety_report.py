"""A robot's safety description as tables, with what its ready pose keeps of the margins."""

from __future__ import annotations

from collections import Counter

import numpy as np
from rich.table import Table

from vla_core.report.robot.report_table import report_table
from vla_core.safety.collision import CollisionModel
from vla_core.safety.description import SafetyDescription


def safety_tables(collision: CollisionModel) -> list[Table]:
    """Margins, bodies, boxes, and limits of hands and tracking."""
    safety = collision.safety
    tables = [_margins(collision), _bodies(collision)]
    if safety.boxes:
        tables.append(_boxes(safety))
    return [*tables, _limits(safety)]


def _margins(collision: CollisionModel) -> Table:
    distances = collision.distances(collision.robot.ready_pose)
    table = report_table(
        "margins [mm]", "pairs of", "hard", "soft", "pairs", "nearest in the ready pose, at least"
    )
    for kind, margin in collision.safety.margins.items():
        places = [i for i, pair in enumerate(collision.pairs) if pair.kind is kind]
        nearest = "none"
        if places:
            place = places[int(np.argmin(distances[places]))]
            pair = collision.pairs[place]
            nearest = f"{1000 * distances[place]:.0f}  {pair.first}, {pair.second}"
        table.add_row(
            str(kind),
            f"{1000 * margin.hard_m:g}",
            f"{1000 * margin.soft_m:g}",
            str(len(places)),
            nearest,
        )
    return table


def _bodies(collision: CollisionModel) -> Table:
    allowed = len(collision.safety.allowed)
    table = report_table(
        f"bodies that stay apart ({collision.safety.srdf.name} allows {allowed} pairs of links)",
        "body",
        "hull",
        "shapes",
        "links",
    )
    for body in collision.bodies:
        kinds = Counter(type(shape.shape).__name__.lower() for shape in body.shapes)
        table.add_row(
            body.name,
            type(body.hull.shape).__name__.lower(),
            ", ".join(f"{count} {kind}" for kind, count in kinds.items()),
            ", ".join(dict.fromkeys(shape.link for shape in body.shapes)),
        )
    return table


def _boxes(safety: SafetyDescription) -> Table:
    table = report_table(
        "around the robot, in its base frame [m]", "", "kind", "centre", "size", "rpy [rad]"
    )
    for box in safety.boxes.values():
        table.add_row(box.name, str(box.kind), *map(_vector, (box.centre, box.size, box.rpy)))
    return table


def _limits(safety: SafetyDescription) -> Table:
    table = report_table("limits", "", "")
    if safety.workspace is not None:
        corners = f"{_vector(safety.workspace.lower)} to {_vector(safety.workspace.upper)} m"
        table.add_row("hands stay inside", corners)
    for mode, speed in safety.hand_speed.items():
        table.add_row(f"hand speed, {mode.value}", f"{speed:g} m/s")
    for group, limit in safety.tracking.items():
        table.add_row(f"tracking error, {group}", f"slow at {limit.slow:g}, stop at {limit.stop:g}")
    beat = safety.estop_heartbeat_s
    table.add_row("e-stop heartbeat", f"every {beat:g} s" if beat else "need not be heard")
    return table


def _vector(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values)
