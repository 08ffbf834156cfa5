"""What hands do, as numbers: poses and grips as the contract and as the denoiser has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ActionSpace, ActionSpec, Rotation
from vla_core.policies.openhelix.sizes import HAND, POSE
from vla_core.training.normalisation import Fit, Relative, Scaling

#: Of each hand position [m], the first two columns of its rotation, and how far it is closed, 0 to
#: 1: the paper's a = (a^l, a^r, a^g) in the base frame (section 3), for all hands.
ACTION = ActionSpec(ActionSpace.END_EFFECTOR, rotation=Rotation.SIX_D, gripper=(0.0, 1.0))
_NAME = "pose"


def poses_of(numbers: np.ndarray) -> np.ndarray:
    """`(..., hands * 10)` -> `(..., hands * 9)`: without the grips."""
    return _together(_each(numbers, HAND)[..., :POSE])


def grips_of(numbers: np.ndarray) -> np.ndarray:
    """`(..., hands * 10)` -> `(..., hands)`: how far each is closed."""
    return numbers[..., POSE::HAND]


def positions_of(numbers: np.ndarray) -> np.ndarray:
    """`(..., hands * 10)` -> `(..., hands, 3)` [m]."""
    return _each(numbers, HAND)[..., :3]


def joined(poses: np.ndarray, grips: np.ndarray) -> np.ndarray:
    """Inverse of `poses_of` and `grips_of`."""
    return _together(np.concatenate([_each(poses, POSE), grips[..., None]], axis=-1))


def _each(numbers: np.ndarray, size: int) -> np.ndarray:
    """`(..., hands * size)` -> `(..., hands, size)`, of no rows, too."""
    return numbers.reshape(*numbers.shape[:-1], numbers.shape[-1] // size, size)


def _together(each: np.ndarray) -> np.ndarray:
    """Inverse of `_each`."""
    return each.reshape(*each.shape[:-2], each.shape[-2] * each.shape[-1])


@dataclass(frozen=True)
class HandScaling:
    """Poses of a chunk as differences from the hands' present ones, scaled.

    Attributes:
        std: `(hands * 9,)` of the differences.
    """

    std: np.ndarray

    @classmethod
    def fit(cls, moves: np.ndarray) -> HandScaling:
        """To `(n, hands * 9)` differences."""
        return cls(Scaling.fit(Fit.SPREAD, moves).scale)

    @classmethod
    def of(cls, manifest: PolicyManifest) -> HandScaling:
        """As stored in `policy.json`."""
        return cls(Scaling.of(manifest.normalisation, _NAME).scale)

    def as_lists(self) -> dict[str, list[float]]:
        """For `policy.json`."""
        return Scaling.about_zero(self.std).as_lists(_NAME)

    def moves(self, targets: np.ndarray, hands: np.ndarray) -> np.ndarray:
        """`(..., T, hands * 10)` targets seen from `(..., hands * 10)`: `(..., T, hands * 9)`."""
        return self._relative.normalised(poses_of(targets), poses_of(hands))

    def poses(self, moves: np.ndarray, hands: np.ndarray) -> np.ndarray:
        """`(..., T, hands * 9)` poses, the inverse of `moves`."""
        return self._relative.restored(moves, poses_of(hands))

    @property
    def _relative(self) -> Relative:
        return Relative(Scaling.about_zero(self.std))
