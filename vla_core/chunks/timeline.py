"""What the policy wants, in time: one record a step, from the newest chunk.

Strategy `switch`: a new chunk replaces everything later. Time decides which step is due, so a late
chunk plays no past step, but for a robot that stands (`path_follower.py`); its delay is the number
of its own steps that had passed when it arrived, not a latency measured with a clock.

Between records the target is the cubic Hermite polynomial, so position and velocity are continuous.
Velocities at the steps keep it monotone (the harmonic mean of the slopes beside them, Fritsch and
Butland 1984): the path never overshoots a target. At the last step the velocity is zero: a chunk
that nothing follows ends in a stop.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from vla_core.errors import ChunkError
from vla_core.safety import target_kernels
from vla_core.types import NANOSECONDS, ActionChunk, Pace

_LARGEST_TARGET = 1e3
_LONGEST_HORIZON = 1000
_SHORTEST_STEP_S, _LONGEST_STEP_S = 1e-3, 10.0


@dataclass(frozen=True)
class Step:
    """One target and where it comes from.

    Attributes:
        due_ns: when the target is meant to be reached.
        position, velocity: `(dof,)` there [rad], [rad/s], in canonical order.
        index: its row in the chunk; -1 for the anchor, where the robot was when a chunk came.
        chunk: where it comes from; None for the anchor.
    """

    due_ns: int
    position: np.ndarray
    velocity: np.ndarray
    index: int
    chunk: ActionChunk | None


@dataclass(frozen=True)
class Sample:
    """The target at one time.

    Attributes:
        position, velocity: `(dof,)` [rad], [rad/s].
        step: the record that the target is on its way to, which is the step in execution.
        remaining_steps: records after that one.
    """

    position: np.ndarray
    velocity: np.ndarray
    step: Step
    remaining_steps: int


class ChunkTimeline:
    """Steps still ahead, in the robot's order of joints.

    Args:
        joint_names: canonical order.
        future_tolerance_s: how far a chunk's stamps may lie ahead of now, for clocks of two
            hosts [s].
    """

    def __init__(self, joint_names: tuple[str, ...], future_tolerance_s: float = 0.01) -> None:
        self.joint_names = tuple(joint_names)
        self._future_tolerance_ns = round(future_tolerance_s * NANOSECONDS)
        self._steps: list[Step] = []
        self._newest = (-1, -1)
        self.delay_steps = 0

    @property
    def start_ns(self) -> int | None:
        """When the first step is, or was, due; None when there is none."""
        return self._steps[0].due_ns if self._steps else None

    @property
    def end_ns(self) -> int | None:
        """When the last step is due; None when there is none."""
        return self._steps[-1].due_ns if self._steps else None

    def insert(self, chunk: ActionChunk, now_ns: int, is_followed: bool = True) -> None:
        """Take over `chunk`: it replaces what is later.

        Its own steps that are due already are kept for a robot that stands, unless a path is gone.

        Args:
            is_followed: whether the robot follows what is here; else it stands, or will.

        Raises:
            ChunkError: it cannot be executed; says which field and why. Nothing is changed.
        """
        targets = self._checked(chunk, now_ns)
        step_ns = chunk.step_s * NANOSECONDS
        due_ns = [chunk.observation_stamp_ns + round(k * step_ns) for k in range(len(targets))]
        first = bisect.bisect_right(due_ns, now_ns)
        if first == len(targets):
            raise ChunkError(
                f"chunk {chunk.sequence}: its last step was due "
                f"{(now_ns - due_ns[-1]) / NANOSECONDS:.3f} s ago; a longer horizon or a faster "
                "System 1 is needed"
            )
        velocities = _monotone_velocities(targets, chunk.step_s)
        steps = [
            Step(due_ns[k], targets[k], velocities[k], k, chunk) for k in range(len(targets))
        ]
        past = [step for step in self._steps if step.due_ns <= now_ns]
        if is_followed and past and self._steps[-1].due_ns > now_ns:
            steps = [past[-1], *(step for step in steps if step.due_ns > now_ns)]
        self._steps = steps
        self._newest = (chunk.observation_stamp_ns, chunk.sequence)
        self.delay_steps = first

    def nearest_due_ns(self, now_ns: int, position: np.ndarray) -> int:
        """When the step was due that `(dof,)` is nearest to, of those until `now_ns`.

        The last of several; `now_ns`, if none is due.
        """
        due = [step for step in self._steps if step.due_ns <= now_ns]
        if not due:
            return now_ns
        return min(reversed(due), key=lambda step: np.abs(step.position - position).max()).due_ns

    def anchor(self, now_ns: int, position: np.ndarray, velocity: np.ndarray) -> int:
        """Start from where the command is, so that the target continues it.

        Returns when the way from there to the first step is over [ns]; `now_ns`, if none is left.

        Args:
            now_ns: time of that command; what was due until then is forgotten.
            position, velocity: `(dof,)` of the command [rad], [rad/s].
        """
        ahead = [step for step in self._steps if step.due_ns > now_ns]
        if not ahead:
            return now_ns
        start = Step(now_ns, position, velocity, -1, None)
        self._steps = [start, *ahead]
        return ahead[0].due_ns

    def sample(self, now_ns: int) -> Sample | None:
        """The target at `now_ns`; None before the first record and after the last."""
        ahead = bisect.bisect_left(self._steps, now_ns, key=lambda step: step.due_ns)
        if ahead == len(self._steps):
            return None
        right = self._steps[ahead]
        remaining = len(self._steps) - 1 - ahead
        if right.due_ns == now_ns:
            if right.chunk is None and remaining:  # held up at the anchor, it is on its way all the same
                return Sample(right.position, right.velocity, self._steps[ahead + 1], remaining - 1)
            return Sample(right.position, right.velocity, right, remaining)
        if ahead == 0:
            return None
        left = self._steps[ahead - 1]
        span_ns = right.due_ns - left.due_ns
        position, velocity = target_kernels.between(
            left.position, left.velocity, right.position, right.velocity,
            span_ns / NANOSECONDS, (now_ns - left.due_ns) / span_ns,
        )  # fmt: skip
        return Sample(position, velocity, right, remaining)

    def plan(
        self, stamp_ns: int, step_s: float, horizon: int, pace: Pace = Pace()
    ) -> np.ndarray:
        """Where the robot will be at the steps of a chunk to come, as far as that is known.

        Args:
            stamp_ns: of the observation that the chunk is computed from.
            step_s, horizon: of the chunk.
            pace: how the timeline is run through; it is taken to stay as it is.

        Returns:
            `(known, dof)` positions, `known` at most `horizon`.
        """
        targets: list[np.ndarray] = []
        for k in range(horizon):
            path_s = k * step_s * pace.speed - pace.lag_s
            sample = self.sample(stamp_ns + round(path_s * NANOSECONDS))
            if sample is None:
                break
            targets.append(sample.position)
        return np.array(targets).reshape(len(targets), len(self.joint_names))

    def steps_left(self, now_ns: int, step_s: float, pace: Pace = Pace()) -> float:
        """How many steps of `step_s` are left until the last record; 0 with none."""
        if self.end_ns is None:
            return 0.0
        left_s = (self.end_ns - now_ns) / NANOSECONDS + pace.lag_s
        return max(0.0, left_s / step_s)

    def clear(self) -> None:
        """Forget every step; the order of chunks is still kept."""
        self._steps = []
        self.delay_steps = 0

    def restart(self) -> None:
        """Forget every step and what came before: the clock was set back."""
        self.clear()
        self._newest = (-1, -1)

    def _checked(self, chunk: ActionChunk, now_ns: int) -> np.ndarray:
        """Targets `(horizon, dof)` in canonical order, or ChunkError."""
        name = f"chunk {chunk.sequence}"
        for what, stamp_ns in (
            ("observation", chunk.observation_stamp_ns),
            ("intent", chunk.intent_stamp_ns),
        ):
            if stamp_ns > now_ns + self._future_tolerance_ns:
                ahead_s = (stamp_ns - now_ns) / NANOSECONDS
                raise ChunkError(
                    f"{name}: {what} stamp is {ahead_s:.3f} s in the future; check the clocks"
                )
        if (chunk.observation_stamp_ns, chunk.sequence) <= self._newest:
            raise ChunkError(
                f"{name}: older than, or the same as, the newest (got "
                f"observation {chunk.observation_stamp_ns}, after chunk {self._newest[1]} of "
                f"{self._newest[0]})"
            )
        if not _SHORTEST_STEP_S <= chunk.step_s <= _LONGEST_STEP_S:
            raise ChunkError(f"{name}: step is {chunk.step_s} s, must be in [0.001, 10]")
        if not 0.0 <= chunk.path_speed <= 1.0:
            raise ChunkError(f"{name}: path speed is {chunk.path_speed}, must be in [0, 1]")
        columns = self._columns(chunk.joint_names, name)
        try:
            targets = np.asarray(chunk.targets, dtype=float)
        except (TypeError, ValueError) as error:
            raise ChunkError(f"{name}: targets are no array of numbers: {error}") from None
        wrong_shape = targets.ndim != 2 or targets.shape[1] != len(columns)
        if wrong_shape or not 1 <= len(targets) <= _LONGEST_HORIZON:
            raise ChunkError(
                f"{name}: targets have shape {targets.shape}, expected (horizon, {len(columns)}) "
                f"with at most {_LONGEST_HORIZON} steps"
            )
        targets = np.ascontiguousarray(targets[:, columns])
        targets.setflags(write=False)
        wrong = ~(np.abs(targets) <= _LARGEST_TARGET)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ChunkError(
                f"{name}: target {row} of joint {self.joint_names[column]} is "
                f"{targets[row, column]}; must be finite and a joint position"
            )
        return targets

    def _columns(self, names: tuple[str, ...], chunk_name: str) -> list[int]:
        """Where each canonical joint is among `names`."""
        if tuple(names) == self.joint_names:
            return list(range(len(names)))
        missing = [name for name in self.joint_names if name not in names]
        unknown = [name for name in names if name not in self.joint_names]
        if missing or unknown or len(names) != len(self.joint_names):
            raise ChunkError(
                f"{chunk_name}: joints do not match the robot's; missing {missing}, unknown "
                f"{unknown}, got {len(names)}, expected {len(self.joint_names)}, each once"
            )
        return [list(names).index(name) for name in self.joint_names]


def _monotone_velocities(targets: np.ndarray, step_s: float) -> np.ndarray:
    """Velocity at every target `(horizon, dof)` [rad/s]: harmonic mean of the slopes beside it.

    Zero where the slopes differ in sign (a turning point) and at the end; the first target takes
    the slope that follows it.
    """
    velocities = np.zeros_like(targets)
    if len(targets) < 2:
        return velocities
    slopes = np.diff(targets, axis=0) / step_s
    velocities[0] = slopes[0]
    before, after = slopes[:-1], slopes[1:]
    same = before * after > 0
    np.divide(2 * before * after, before + after, out=velocities[1:-1], where=same)
    return velocities
