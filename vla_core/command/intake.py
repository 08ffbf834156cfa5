"""What has come in: checked, newest only, with its age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.errors import VlaError
from vla_core.observation.joint_state import JointState, age_s
from vla_core.observation.joint_states import JointStates
from vla_core.types import NANOSECONDS, ActionChunk

#: Oldest plan of a way to the ready pose that is begun [ns].
_PLANNED_NS = 2 * NANOSECONDS


class Intake:
    """Door of the command core: admits joint states and chunks, and keeps what was admitted.

    Args:
        joint_names: canonical order.
        future_tolerance_s: how far stamps may lie ahead of now [s].

    Attributes:
        timeline: steps of the admitted chunks.
        ready: steps of the way to the ready pose.
        measured: the newest joint state, None when none has come.
    """

    def __init__(self, joint_names: tuple[str, ...], future_tolerance_s: float) -> None:
        self.timeline = ChunkTimeline(joint_names, future_tolerance_s)
        self.ready = ChunkTimeline(joint_names, future_tolerance_s)
        self.measured: JointState | None = None
        self._joints = JointStates(joint_names)
        self._future_tolerance_ns = round(future_tolerance_s * NANOSECONDS)
        self._chunk: ActionChunk | None = None
        self._chunk_arrival_ns = 0
        self._invalid_until_ns = -1
        self._dropped: list[str] = []

    @property
    def path_speed(self) -> float:
        """Highest path speed that whoever made the newest chunk allows."""
        return 1.0 if self._chunk is None else self._chunk.path_speed

    @property
    def has_chunk(self) -> bool:
        """Whether a chunk is there to be followed."""
        return self._chunk is not None

    def invalidate(self, now_ns: int) -> None:
        """What was made of the world before `now_ns` is not followed: somebody else moved in it."""
        self.timeline.clear()
        self._chunk, self._invalid_until_ns = None, now_ns

    def is_invalid(self, chunk: ActionChunk) -> bool:
        """Whether a chunk, or its intent, was made of the world before that."""
        return min(chunk.observation_stamp_ns, chunk.intent_stamp_ns) <= self._invalid_until_ns

    def take_joint_state(
        self,
        names: Sequence[str],
        position: np.ndarray,
        velocity: np.ndarray,
        stamp_ns: int,
        now_ns: int,
    ) -> str:
        """Admit joints; `measured` follows once it is whole. Returns why they were refused, or ""."""
        if stamp_ns > now_ns + self._future_tolerance_ns:
            ahead_s = (stamp_ns - now_ns) / NANOSECONDS
            return f"joint state: stamp is {ahead_s:.3f} s in the future"
        try:
            state = self._joints.take(names, position, velocity, stamp_ns)
        except VlaError as error:
            return str(error)
        if state is None:
            return ""
        if self.measured is not None and state.stamp_ns < self.measured.stamp_ns:
            return "joint state: older than the one before"
        self.measured = state
        return ""

    def lacking(self, now_ns: int) -> str:
        """Which joints keep the joint states from being whole, and how old they are; "" if none."""
        return self._joints.lacking(now_ns)

    def take_chunk(self, chunk: ActionChunk, now_ns: int, is_followed: bool) -> str:
        """Admit an action chunk; returns why it was refused, "" if it was not.

        Args:
            is_followed: as for `ChunkTimeline.insert`.
        """
        try:
            self.timeline.insert(chunk, now_ns, is_followed)
        except VlaError as error:
            return str(error)
        self._chunk, self._chunk_arrival_ns = chunk, now_ns
        return ""

    def take_ready(
        self, chunk: ActionChunk, now_ns: int, position: np.ndarray, tolerance: np.ndarray
    ) -> str:
        """Admit the whole way to the ready pose; returns why it was refused, "" if it was not.

        Args:
            position: `(dof,)` where the command stands, and the way must begin.
            tolerance: `(dof,)` how far from there it may begin.
        """
        if not -self._future_tolerance_ns <= now_ns - chunk.observation_stamp_ns <= _PLANNED_NS:
            return (
                f"ready motion: planned {(now_ns - chunk.observation_stamp_ns) / NANOSECONDS:.3f} "
                f"s ago, limit {_PLANNED_NS / NANOSECONDS} s; plan it again"
            )
        self.ready.clear()
        try:
            self.ready.insert(chunk, chunk.observation_stamp_ns)
        except VlaError as error:
            return f"ready motion: {error}"
        start = self.ready.sample(chunk.observation_stamp_ns).position
        away = np.abs(start - position)
        joint = int(np.argmax(away / tolerance))
        if away[joint] > tolerance[joint]:
            self.ready.clear()
            return (
                f"ready motion: begins {away[joint]:.3f} from the command at joint "
                f"{self.ready.joint_names[joint]}, limit {tolerance[joint]:.3f}; plan it from where the robot "
                "stands"
            )
        return ""

    def drop_ready(self, reason: str) -> None:
        """Forget the way to the ready pose, if there is one, and say why."""
        if self.ready.end_ns is not None:
            self.ready.clear()
            self._dropped.append(f"ready motion: dropped, {reason}")

    def ages_s(self, now_ns: int) -> dict[str, float]:
        """Age of every input [s], as `FreshnessLimits` names them; -1 for one that has not come."""
        ages_s = dict.fromkeys(("observation", "intent", "chunk", "joint_state"), -1.0)
        if self._chunk is not None:
            ages_s["observation"] = age_s(self._chunk.observation_stamp_ns, now_ns)
            ages_s["intent"] = age_s(self._chunk.intent_stamp_ns, now_ns)
            ages_s["chunk"] = age_s(self._chunk_arrival_ns, now_ns)
        if self.measured is not None:
            ages_s["joint_state"] = age_s(self.measured.stamp_ns, now_ns)
        return ages_s

    def take_dropped(self) -> tuple[str, ...]:
        """Why what had been admitted was forgotten, since this was last asked."""
        dropped, self._dropped = tuple(self._dropped), []
        return dropped

    def restart(self) -> None:
        """The clock was set back: what was stamped by it before means nothing now."""
        self.timeline.restart()
        self.drop_ready("the clock was set back")
        self.ready.restart()
        self._chunk = None
        self._invalid_until_ns = -1
        self._joints.restart()
        self.measured = None
