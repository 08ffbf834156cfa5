"""The policy's normalised space for states and actions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from vla_core.contract.manifest import PolicyManifest

#: Smallest deviation that is told apart: joints [rad], positions [m], rotation columns.
FLOOR = 0.02


@dataclass(frozen=True)
class Normalisation:
    """State as (s - mean) / std; action as (target - current state) / std, each `(state,)`.

    A policy that is told velocities `(dof,)` gets them as v / std; another has no `velocity_std`.
    """

    state_mean: np.ndarray
    state_std: np.ndarray
    action_std: np.ndarray
    velocity_std: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @classmethod
    def fit(
        cls, states: np.ndarray, moves: np.ndarray, velocities: np.ndarray | None = None
    ) -> Normalisation:
        """From `(n, state)` states, `(m, state)` target-minus-state differences, and velocities.

        Args:
            velocities: `(n, dof)` for a policy that is told them.
        """
        deviations = () if velocities is None else (_deviation(velocities),)
        return cls(
            states.mean(axis=0).astype(np.float32),
            np.maximum(states.std(axis=0), FLOOR).astype(np.float32),
            _deviation(moves),
            *deviations,
        )

    @classmethod
    def of(cls, manifest: PolicyManifest) -> Normalisation:
        """As stored in `policy.json`."""
        stored = manifest.normalisation
        return cls(**{key: np.asarray(v, dtype=np.float32) for key, v in stored.items()})

    def as_lists(self) -> dict[str, list[float]]:
        """For `policy.json`."""
        return {key: value.tolist() for key, value in asdict(self).items() if value.size}

    def state(self, state: np.ndarray) -> np.ndarray:
        """`(..., state)` to the normalised space, float32."""
        return ((state - self.state_mean) / self.state_std).astype(np.float32)

    def proprioception(self, state: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(..., state)`, and `(..., dof)` where the policy is told it, to one vector, float32."""
        if not self.velocity_std.size:
            return self.state(state)
        scaled = (velocity / self.velocity_std).astype(np.float32)
        return np.concatenate([self.state(state), scaled], axis=-1)

    def action(self, target: np.ndarray, state: np.ndarray) -> np.ndarray:
        """`(..., H, state)` targets seen from `(..., state)` to the normalised space, float32."""
        return ((target - state[..., None, :]) / self.action_std).astype(np.float32)

    def target(self, action: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Inverse of `action`."""
        return state[..., None, :] + action * self.action_std


def _deviation(values: np.ndarray) -> np.ndarray:
    """`(n, k)` to `(k,)`: root mean square about zero, at least `FLOOR`."""
    return np.maximum(np.sqrt((values**2).mean(axis=0)), FLOOR).astype(np.float32)
