"""A short made-up run: what the nodes would have reported."""

from __future__ import annotations

import numpy as np

from vla_core.metrics.run_metrics import CommandTick, RunMetrics
from vla_core.report.episode_record import EpisodeRecord

MILLISECOND = 1_000_000
START = 1_700_000_000_000_000_000


def example_metrics(seconds: float = 2.0, seed: int = 0) -> RunMetrics:
    """Observations at 20 Hz, intents at 5, chunks at 10, commands at 100; 20 ms to a chunk."""
    rng = np.random.default_rng(seed)
    metrics = RunMetrics()
    chunk = 0
    for tick in range(round(seconds * 100)):
        now = START + tick * 10 * MILLISECOND
        if tick % 5 == 0:
            metrics.add_observation(now + 2 * MILLISECOND, now, tick // 5, 0.004)
        if tick % 20 == 0:
            metrics.add_intent(now + 30 * MILLISECOND, now, tick // 20 + 1, 0.012)
        if tick % 10 == 0:
            chunk += 1
            metrics.add_chunk(now + 20 * MILLISECOND, now, chunk, 0.008)
        metrics.add_command(
            CommandTick(
                stamp_ns=now,
                tick=tick,
                mode=2,
                chunk_sequence=chunk,
                observation_age_s=0.025 + 0.01 * (tick % 10),
                intent_age_s=0.05 + 0.01 * (tick % 20) if tick > 5 else -1.0,
                period_error_us=float(rng.exponential(30)),
                tick_cost_us=200.0,
                constraints=("velocity",) if tick % 50 == 0 else (),
            )
        )
    return metrics


def example_episode(number: int = 1, success: bool = True, seconds: float = 1.0) -> EpisodeRecord:
    """A block of light that moves right; the foresight is ahead of it."""
    record = EpisodeRecord(number, 40 + number, "put the red block on the yellow pad", ("head",))
    for k in range(round(10 * seconds)):
        picture = np.full((32, 32, 3), 60, np.uint8)
        picture[12:20, k : k + 8] = (200, 40, 40)
        change = np.zeros((4, 4), np.float32)
        change[1, min(3, 1 + k // 4)] = 0.8
        record.frames.append((0.1 * k, {"head": picture}))
        record.changes.append((0.1 * k, {"head": change}))
    record.success, record.duration_s = success, seconds
    return record
