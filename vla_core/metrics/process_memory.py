"""Memory of the graph's processes, shared pages counted once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def proportional_memory_mb(pid: int) -> float | None:
    """Proportional set size of a process and its children [MB]; None when it has ended.

    Where another user's process hides it, the resident set size, which counts shared pages in full.
    """
    total = _own_mb(pid)
    if total is None:
        return None
    return total + sum(proportional_memory_mb(child) or 0.0 for child in _children(pid))


class MemoryWatch:
    """Largest memory seen of each process, and of all of them at one time."""

    def __init__(self) -> None:
        self.largest_mb: dict[str, float] = {}
        self.total_mb = 0.0
        self._totals: list[tuple[float, float]] = []

    def sample(self, processes: Mapping[str, int], now_s: float) -> None:
        """Measure now.

        Args:
            processes: name -> process id.
            now_s: on a steady clock [s].
        """
        now = {name: proportional_memory_mb(pid) for name, pid in processes.items()}
        now = {name: megabytes for name, megabytes in now.items() if megabytes is not None}
        for name, megabytes in now.items():
            self.largest_mb[name] = max(megabytes, self.largest_mb.get(name, 0.0))
        total_mb = sum(now.values())
        self._totals.append((now_s, total_mb))
        self.total_mb = max(self.total_mb, total_mb)

    def summary(self) -> dict[str, float]:
        """`memory_mb` of `summary.json`: each process, and the whole graph."""
        rows = {name: round(megabytes, 1) for name, megabytes in self.largest_mb.items()}
        return rows | {"total": round(self.total_mb, 1)}

    def growth(self, settle_s: float = 20.0) -> dict[str, float] | None:
        """Whether memory stays flat: the total's least-squares slope after the first seconds.

        Args:
            settle_s: left out at the beginning [s], while everything is loaded.

        Returns:
            `{"mb_per_minute", "minutes"}`; None when there is less than a minute to look at.
        """
        if not self._totals:
            return None
        start_s = self._totals[0][0] + settle_s
        settled = np.array([sample for sample in self._totals if sample[0] >= start_s])
        if len(settled) < 2 or settled[-1, 0] - settled[0, 0] < 60.0:
            return None
        minutes = (settled[:, 0] - settled[0, 0]) / 60.0
        slope = np.polyfit(minutes, settled[:, 1], 1)[0]
        return {"mb_per_minute": round(float(slope), 3), "minutes": round(float(minutes[-1]), 2)}


def _own_mb(pid: int) -> float | None:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except PermissionError:
        return _resident_mb(pid)
    except OSError:
        return None
    return None


def _resident_mb(pid: int) -> float | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * 4096 / 2**20


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
