"""How near chunks are to what the recorded robot was told, beside holding the last state."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vla_core.metrics.listener import ReplayListener
from vla_core.metrics.recorded_motion import RecordedMotion
from vla_core.types import NANOSECONDS, ActionChunk, LatentIntent, Observation

#: How far ahead of the observation's stamp errors are told [s].
LOOKAHEADS_S = (0.1, 0.25, 0.5, 1.0)
#: Of F1, figure 10.
TOLERANCES = (0.01, 0.02, 0.05)
POLICY, HOLDING = "policy", "holding"
_RESAMPLES = 2000


@dataclass(frozen=True)
class _Waiting:
    """A chunk whose future is not known yet."""

    stamp_ns: int
    position: np.ndarray
    chunk: ActionChunk

    @property
    def end_ns(self) -> int:
        """When its future is known: its last target, or the longest look-ahead [ns]."""
        chunk_s = (self.chunk.horizon - 1) * self.chunk.step_s
        return self.stamp_ns + round(max(chunk_s, LOOKAHEADS_S[-1]) * NANOSECONDS)


@dataclass
class _Sums:
    """Absolute errors of one episode, `(who, lookaheads, dof)`, and of how many chunks."""

    errors: np.ndarray
    chunks: np.ndarray

    @classmethod
    def empty(cls, dof: int) -> _Sums:
        """Of no chunk yet."""
        return cls(np.zeros((2, len(LOOKAHEADS_S), dof)), np.zeros(len(LOOKAHEADS_S), dtype=int))


class ActionScores(ReplayListener):
    """Compares every chunk, as System 1 gave it, with what was recorded for its time.

    Holding answers with the observation's joint positions for every time. A look-ahead that the
    chunk does not reach, or the recording, is left out for both.

    Action accuracy is F1's eq. 5, `Acc_tau = 1/N sum [ |a^ - a| < tau ]`, over all targets of all
    chunks; a token is one joint's target at one step, in the joint's own unit. With whole steps as
    tokens (`steps`) the norm is over all joints.

    Args:
        joint_names: canonical order.
        groups: indices of the joints that are averaged together, by name.
    """

    def __init__(self, joint_names: tuple[str, ...], groups: Mapping[str, np.ndarray]) -> None:
        self._joint_names = joint_names
        self._groups = groups
        self._motion = RecordedMotion()
        self._waiting: deque[_Waiting] = deque()
        self._episodes: list[tuple[str, _Sums]] = []
        self._within = np.zeros((2, len(TOLERANCES)), dtype=np.int64)
        self._steps_within = np.zeros((2, len(TOLERANCES)), dtype=np.int64)
        self._steps = 0

    def began(self, episode: str) -> None:
        """New sums."""
        self._episodes.append((episode, _Sums.empty(len(self._joint_names))))

    def acted(self, seen: Observation, intent: LatentIntent, chunk: ActionChunk) -> None:
        """Wait for the future of this chunk."""
        self._waiting.append(_Waiting(seen.stamp_ns, seen.position, chunk))

    def executed(self, stamp_ns: int, position: np.ndarray) -> None:
        """Compare the chunks whose future is now known."""
        self._motion.add(stamp_ns, position)
        while self._waiting and self._waiting[0].end_ns <= self._motion.end_ns:
            self._compare(self._waiting.popleft())
        oldest_ns = self._waiting[0].stamp_ns if self._waiting else stamp_ns
        self._motion.forget_before(oldest_ns)

    def ended(self) -> None:
        """Compare the last chunks as far as the recording goes."""
        while self._waiting and self._motion.end_ns >= 0:
            self._compare(self._waiting.popleft())
        self._waiting.clear()
        self._motion.clear()

    def _compare(self, waiting: _Waiting) -> None:
        chunk, sums = waiting.chunk, self._episodes[-1][1]
        columns = [chunk.joint_names.index(name) for name in self._joint_names]
        targets = chunk.targets[:, columns]
        steps = np.array(LOOKAHEADS_S) / chunk.step_s
        ahead_ns = np.round(np.array(LOOKAHEADS_S) * NANOSECONDS).astype(np.int64)
        errors = self._errors(waiting, _rows(targets, steps), ahead_ns)
        known = ~np.isnan(errors).any(axis=(0, 2))
        sums.errors[:, known] += errors[:, known]
        sums.chunks += known
        step_ns = np.round(np.arange(chunk.horizon) * chunk.step_s * NANOSECONDS).astype(np.int64)
        errors = self._errors(waiting, targets, step_ns)
        errors = errors[:, ~np.isnan(errors).any(axis=(0, 2))]
        norms = np.linalg.norm(errors, axis=2)
        self._steps += errors.shape[1]
        for place, tolerance in enumerate(TOLERANCES):
            self._within[:, place] += (errors < tolerance).sum(axis=(1, 2))
            self._steps_within[:, place] += (norms < tolerance).sum(axis=1)

    def _errors(self, waiting: _Waiting, said: np.ndarray, ahead_ns: np.ndarray) -> np.ndarray:
        """`(who, n, dof)` absolute errors of what is `said` for some times."""
        truth = self._motion.at(waiting.stamp_ns + ahead_ns)
        held = np.broadcast_to(waiting.position, said.shape)
        return np.abs(np.stack([said, held]) - truth)

    def summary(self) -> dict[str, Any]:
        """`action_mae` by group, joint and episode, and `action_accuracy`."""
        whole = _Sums.empty(len(self._joint_names))
        for _, sums in self._episodes:
            whole.errors += sums.errors
            whole.chunks += sums.chunks
        joints = {name: np.array([i]) for i, name in enumerate(self._joint_names)}
        return {
            "action_mae": {
                group: self._by_lookahead(whole, indices, intervals=True)
                for group, indices in self._groups.items()
            },
            "action_mae_by_joint": {
                name: self._by_lookahead(whole, indices) for name, indices in joints.items()
            },
            "action_accuracy": self._accuracy(),
            "action_mae_by_episode": {
                episode: {
                    group: self._by_lookahead(sums, indices)
                    for group, indices in self._groups.items()
                }
                for episode, sums in self._episodes
            },
        }

    def _by_lookahead(
        self, sums: _Sums, indices: np.ndarray, intervals: bool = False
    ) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for place, lookahead_s in enumerate(LOOKAHEADS_S):
            chunks = int(sums.chunks[place])
            row: dict[str, Any] = {"chunks": chunks}
            for who, name in enumerate((POLICY, HOLDING)):
                mean = sums.errors[who, place, indices].mean() / chunks if chunks else None
                row[name] = mean if mean is None else float(mean)
            if intervals and chunks:
                row["policy_to_holding_ci95"] = self._ratio_interval(place, indices)
            rows[str(lookahead_s)] = row
        return rows

    def _ratio_interval(self, place: int, indices: np.ndarray) -> list[float] | None:
        """95 % interval of policy error / holding error, by resampling episodes; None of one."""
        if len(self._episodes) < 2:
            return None
        errors = np.array([s.errors[:, place][:, indices].sum(axis=1) for _, s in self._episodes])
        drawn = np.random.default_rng(0).integers(len(errors), size=(_RESAMPLES, len(errors)))
        policy, holding = errors[drawn].sum(axis=1).T
        if not (holding > 0).all():
            return None
        return [float(bound) for bound in np.percentile(policy / holding, (2.5, 97.5))]

    def _accuracy(self) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for place, tolerance in enumerate(TOLERANCES):
            row = rows[str(tolerance)] = {}
            for within, tokens, suffix in (
                (self._within, self._steps * len(self._joint_names), ""),
                (self._steps_within, self._steps, "_steps"),
            ):
                for who, name in enumerate((POLICY, HOLDING)):
                    row[name + suffix] = float(within[who, place] / tokens) if tokens else None
        return rows


def _rows(targets: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """`(n, dof)` targets between rows, linear; NaN after the last."""
    before = np.clip(np.floor(steps).astype(int), 0, max(len(targets) - 2, 0))
    after = np.minimum(before + 1, len(targets) - 1)
    share = (steps - before)[:, None]
    found = (1 - share) * targets[before] + share * targets[after]
    found[steps > len(targets) - 1 + 1e-9] = np.nan
    return found
