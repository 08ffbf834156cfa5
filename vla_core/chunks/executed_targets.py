"""Which joint targets of a policy's chunks were commanded, step by step."""

from __future__ import annotations

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.contract.manifest import PolicyManifest
from vla_core.observation.history import History
from vla_core.types import NANOSECONDS, Pace


class ExecutedTargets:
    """Remembers as much as a policy wants to know.

    Args:
        manifest: of the policy.
    """

    def __init__(self, manifest: PolicyManifest) -> None:
        steps = manifest.observation.executed_steps
        self._is_asked = steps > 0
        self._nothing = np.full(len(manifest.joint_names), np.nan)
        self._history: History[np.ndarray] = History(
            [k * manifest.step_s for k in range(steps, 0, -1)]
        )

    def add(self, now_ns: int, timeline: ChunkTimeline, pace: Pace) -> None:
        """Take what a timeline commands now; nothing, where it is over."""
        if not self._is_asked:
            return
        sample = timeline.sample(now_ns - round(pace.lag_s * NANOSECONDS))
        if sample is not None:
            self._history.add(now_ns, sample.position)

    def before(self, stamp_ns: int) -> np.ndarray | None:
        """`Context.executed` of an observation; None for a policy that does not ask."""
        if not self._is_asked:
            return None
        found = self._history.before(stamp_ns)
        return np.array([self._nothing if target is None else target for target in found])

    def clear(self) -> None:
        """Forget everything."""
        self._history.clear()
