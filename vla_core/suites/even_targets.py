"""Physics that catches up with the wall clock, under commands that came meanwhile."""

from __future__ import annotations

import numpy as np

from vla_core.contract.scene import Scene


def step_towards(scene: Scene, targets: np.ndarray, duration_s: float, period_s: float) -> None:
    """Let time pass; the servos' targets move evenly to what is commanded by its end.

    A picture takes longer than the time between two commands, of which the newest is known when it
    is drawn. All of that time at the newest would take the robot ahead of what it is told, by leaps.

    Args:
        targets: `(dof,)` commanded at the end.
        duration_s: how long [s].
        period_s: between two commands [s].
    """
    begun = scene.targets
    parts = max(1, round(duration_s / period_s))
    for part in range(1, parts + 1):
        scene.set_targets(begun + part / parts * (targets - begun))
        scene.step(duration_s / parts)
