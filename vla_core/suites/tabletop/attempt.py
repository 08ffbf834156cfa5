"""The scripted expert in the place of a policy, through limits and safety filter."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from vla_core.command.filtered_executor import FilteredExecutor
from vla_core.safety.command_safety import CommandSafety
from vla_core.suites.tabletop.demonstrations import Recorder
from vla_core.suites.tabletop.expert import Expert
from vla_core.suites.tabletop.tabletop import RATE_HZ, TabletopSim
from vla_core.types import NANOSECONDS, ActionChunk

#: How often it plans, and how far [s].
EVERY_S, PLAN_S = 0.3, 0.8


def attempt(sim: TabletopSim, expert: Expert, safety: CommandSafety) -> Iterator[None]:
    """It acts at a table that has been reset; gives back after each command.

    The command core gets, as a policy's chunk, what the expert would do from there.
    """
    recorder = Recorder(sim, expert, 1, cameras=())
    executor = FilteredExecutor(sim.robot, safety)
    every = round(EVERY_S / executor.period_s)
    for tick in count():
        now_ns = round(tick * executor.period_s * NANOSECONDS)
        if tick % every == 0:
            targets = recorder.excursion(PLAN_S).action
            executor.on_chunk(_chunk(sim, tick // every + 1, now_ns + 1, targets), now_ns)
        sim.set_targets(executor.tick(now_ns, sim.position, sim.velocity))
        sim.step(executor.period_s)
        yield


def _chunk(sim: TabletopSim, number: int, stamp_ns: int, targets: np.ndarray) -> ActionChunk:
    """Of the expert's plan that begins at `stamp_ns`."""
    return ActionChunk(
        sequence=number,
        observation_stamp_ns=stamp_ns,
        observation_sequence=number,
        intent_sequence=number,
        intent_stamp_ns=stamp_ns,
        step_s=1.0 / RATE_HZ,
        joint_names=sim.robot.joint_names,
        targets=targets,
    )
