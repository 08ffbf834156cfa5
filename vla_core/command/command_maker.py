"""The command of a tick with its report: where it is, what it follows, why, how old."""

from __future__ import annotations

import numpy as np

from vla_core.command.arbiter import Arbiter
from vla_core.command.command import Command, CommandChain, StopTail
from vla_core.command.commanded_motion import CommandedMotion
from vla_core.command.intake import Intake
from vla_core.command.path_follower import Reference
from vla_core.command.paths import Paths
from vla_core.command.tick_clock import TickClock
from vla_core.safety.stopping import JointMotion
from vla_core.types import ActiveConstraint, ExecutionState, Pace, SafetyStatus

_NOTHING = np.empty(0)
_NO_MOTION = JointMotion(_NOTHING, _NOTHING, _NOTHING)
_NO_TAIL = StopTail(_NOTHING, np.empty((0, 0)), np.empty((0, 0)))


class CommandMaker:
    """Puts commands together, and counts them.

    Args:
        arbiter: the mode in force.
        intake, motion, paths: what has come in, the command's motion, and the paths followed.
        clock: nominal time of the tick.
    """

    def __init__(
        self,
        arbiter: Arbiter,
        intake: Intake,
        motion: CommandedMotion,
        paths: Paths,
        clock: TickClock,
    ) -> None:
        self._arbiter, self._clock = arbiter, clock
        self._intake, self._motion, self._paths = intake, motion, paths
        self._tick = 0

    def command(
        self,
        now_ns: int,
        reference: Reference | None,
        ages_s: dict[str, float],
        constraints: tuple[ActiveConstraint, ...],
    ) -> Command:
        """The command, once its motion has advanced.

        Args:
            reference: what was followed.
            ages_s, constraints: of this tick.
        """
        self._tick += 1
        mode, active = self._arbiter.mode, self._motion.now is not None
        motion = self._motion.now if active else _NO_MOTION
        sample = None if reference is None else reference.sample
        chunk = None if sample is None else sample.step.chunk
        followed = self._paths.followed(mode)
        return Command(
            stamp_ns=now_ns,
            active=active,
            position=motion.position,
            velocity=motion.velocity,
            acceleration=motion.acceleration,
            tail=self._motion.tail() if active else _NO_TAIL,
            status=SafetyStatus(
                stamp_ns=now_ns,
                tick=self._tick,
                mode=mode,
                requested=motion.position if sample is None else sample.position,
                commanded=motion.position,
                constraints=constraints,
                ages_s=ages_s,
            ),
            execution=ExecutionState(
                stamp_ns=now_ns,
                mode=mode,
                chunk_sequence=0 if chunk is None else chunk.sequence,
                step=-1 if sample is None else sample.step.index,
                remaining_steps=0 if sample is None else sample.remaining_steps,
                delay_steps=0.0 if sample is None else float(self._intake.timeline.delay_steps),
                pace=Pace(speed=0.0) if followed is None else followed.pace,
            ),
            motion_ns=self._clock.played_ns,
            chain=CommandChain.of(chunk),
            dropped=self._intake.take_dropped(),
        )
