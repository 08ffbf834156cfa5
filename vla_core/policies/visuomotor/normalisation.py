"""The policy's normalised space for states and actions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.training.normalisation import Fit, Relative, Scaling


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
        seen = Scaling.fit(Fit.DEVIATION, states)
        spreads = (moves,) if velocities is None else (moves, velocities)
        spread = (Scaling.fit(Fit.SPREAD, values).scale for values in spreads)
        return cls(seen.offset, seen.scale, *spread)

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
        return Scaling(self.state_mean, self.state_std).normalised(state)

    def proprioception(self, state: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """`(..., state)`, and `(..., dof)` where the policy is told it, to one vector, float32."""
        if not self.velocity_std.size:
            return self.state(state)
        scaled = Scaling.about_zero(self.velocity_std).normalised(velocity)
        return np.concatenate([self.state(state), scaled], axis=-1)

    def state_of(self, proprioception: np.ndarray) -> np.ndarray:
        """`(..., state)` out of what `proprioception` gives."""
        state = proprioception[..., : len(self.state_mean)]
        return Scaling(self.state_mean, self.state_std).restored(state)

    def action(self, target: np.ndarray, state: np.ndarray) -> np.ndarray:
        """`(..., H, state)` targets seen from `(..., state)` to the normalised space, float32."""
        return self._moves.normalised(target, state)

    def target(self, action: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Inverse of `action`."""
        return self._moves.restored(action, state)

    @property
    def _moves(self) -> Relative:
        return Relative(Scaling.about_zero(self.action_std))
