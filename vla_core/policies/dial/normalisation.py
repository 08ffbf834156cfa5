"""The policy's normalised space for states and actions."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from vla_core.policies.manifest import PolicyManifest

#: Smallest deviation that is told apart: joints [rad], positions [m], rotation columns.
FLOOR = 0.02


@dataclass(frozen=True)
class Normalisation:
    """State as (s - mean) / std; action as (target - current state) / std, each `(state,)`."""

    state_mean: np.ndarray
    state_std: np.ndarray
    action_std: np.ndarray

    @classmethod
    def fit(cls, states: np.ndarray, moves: np.ndarray) -> Normalisation:
        """From `(n, state)` states and `(m, state)` target-minus-state differences."""
        return cls(
            states.mean(axis=0).astype(np.float32),
            np.maximum(states.std(axis=0), FLOOR).astype(np.float32),
            np.maximum(np.sqrt((moves**2).mean(axis=0)), FLOOR).astype(np.float32),
        )

    @classmethod
    def of(cls, manifest: PolicyManifest) -> Normalisation:
        """As stored in `policy.json`."""
        return cls(*(np.asarray(v, dtype=np.float32) for v in manifest.normalisation.values()))

    def as_lists(self) -> dict[str, list[float]]:
        """For `policy.json`."""
        return {key: value.tolist() for key, value in asdict(self).items()}

    def state(self, state: np.ndarray) -> np.ndarray:
        """`(..., state)` to the normalised space, float32."""
        return ((state - self.state_mean) / self.state_std).astype(np.float32)

    def action(self, target: np.ndarray, state: np.ndarray) -> np.ndarray:
        """`(..., H, state)` targets seen from `(..., state)` to the normalised space, float32."""
        return ((target - state[..., None, :]) / self.action_std).astype(np.float32)

    def target(self, action: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Inverse of `action`."""
        return state[..., None, :] + action * self.action_std
