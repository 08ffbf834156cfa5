"""Batches of windows as CLaD's stages take them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.windows import Windows


def dynamics_batch(
    windows: Windows, rows: np.ndarray, lag: np.ndarray, normalisation: Normalisation
) -> dict[str, Tensor]:
    """What happened around the moments `lag` steps before windows `rows` begin.

    Where an episode has no moment n steps before, now stands for it, as on a robot that has just
    begun; actions are differences from the state n steps before, as those of a chunk are.

    Args:
        rows: `(batch,)`.
        lag: `(batch,)` steps; cut where the episode begins.

    Returns:
        `past`, `current`, `future`, `words`, `states`, `future_state`, `executed` and `known`
        (`vla_core.policies.clad.losses`).
    """
    index, n = windows.index, windows.horizon
    lag = np.minimum(lag, windows.starts[rows, 1] // index.stride)
    now, _ = index.before(rows, lag * index.stride)
    past, there = index.before(rows, (lag + n) * index.stride)
    past, future = np.where(there, past, now), now + n * index.stride
    done, known = index.before(rows, (lag[:, None] + np.arange(n, 0, -1)) * index.stride)
    states = np.stack([_told(windows, frames, normalisation) for frames in (past, now)], axis=1)
    executed = normalisation.action(windows.targets[done], windows.states[past])
    return {
        "past": _features(windows, past),
        "current": _features(windows, now),
        "future": _features(windows, future),
        "words": torch.from_numpy(windows.words[now]),
        "states": torch.from_numpy(states),
        "future_state": torch.from_numpy(_told(windows, future, normalisation)),
        "executed": torch.from_numpy(executed),
        "known": torch.from_numpy(known),
    }


def policy_batch(
    windows: Windows, rows: np.ndarray, lag: np.ndarray, normalisation: Normalisation
) -> dict[str, Tensor]:
    """The same, with what is seen and done where windows `rows` begin: `seen`, `state`, `actions`.

    Args:
        lag: `(batch,)` steps that System 2 is behind System 1.
    """
    now = windows.now(rows, normalisation)
    batch = dynamics_batch(windows, rows, lag, normalisation)
    return {**batch, "seen": now["current"], "state": now["state"], "actions": now["actions"]}


def _features(windows: Windows, frames: np.ndarray) -> Tensor:
    return torch.from_numpy(windows.features[frames].astype(np.float32))


def _told(windows: Windows, frames: np.ndarray, normalisation: Normalisation) -> np.ndarray:
    return normalisation.proprioception(windows.states[frames], windows.velocities[frames])
