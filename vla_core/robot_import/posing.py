"""A ready pose from the tree: the same on both sides, away from limits, clear of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pinocchio as pin

from vla_core.errors import RobotDescriptionError
from vla_core.robot_import.limbs import Parts, Tree

#: Share of a joint's travel that the ready pose keeps from its ends; poses tried.
_FROM_ENDS, _TRIES = 0.15, 600


class Poses:
    """Configurations of the plain URDF.

    Args:
        tree, parts: of the robot.
        lower, upper: `(nq,)` operating limits.
    """

    def __init__(self, tree: Tree, parts: Parts, lower: np.ndarray, upper: np.ndarray) -> None:
        self._model, self.lower, self.upper = tree.model, lower, upper
        self.still = np.clip(np.zeros(tree.model.nq), lower, upper)
        arms = [name for limb in parts.limbs for name in limb.arm]
        hands = [name for limb in parts.limbs for name in limb.hand]
        self._moved = self.indices([*parts.torso, *parts.head, *arms, *hands])
        self._arms = self.indices(arms)
        self._mirror = self._mirrored(tree, parts)

    def indices(self, names: list[str]) -> np.ndarray:
        """Their places in a configuration."""
        model = self._model
        return np.array([model.joints[model.getJointId(n)].idx_q for n in names], dtype=int)

    def random(self, count: int, seed: int = 0) -> list[np.ndarray]:
        """Over the operating limits, every fourth at their ends; what is still stands still."""
        rng = np.random.default_rng(seed)
        found = []
        for place in range(count):
            share = rng.random(len(self._moved))
            if place % 4 == 3:
                share = np.round(share)
            pose = self.still.copy()
            low, high = self.lower[self._moved], self.upper[self._moved]
            pose[self._moved] = low + share * (high - low)
            found.append(pose)
        return found

    def ready(self, near: Callable[[np.ndarray], list[tuple[str, str]]]) -> np.ndarray:
        """The pose nearest to zero in which no links are near, the other side as one side.

        Args:
            near: pairs of links that are too near in a configuration.

        Raises:
            RobotDescriptionError: none of those tried is.
        """
        travel = self.upper - self.lower
        low, high = self.lower + _FROM_ENDS * travel, self.upper - _FROM_ENDS * travel
        rng, first = np.random.default_rng(0), self.still.copy()
        found: Counter[tuple[str, str]] = Counter()
        for place in range(_TRIES):
            pose = first.copy()
            if place:
                spread = 0.5 * place / _TRIES * travel[self._arms]
                pose[self._arms] += rng.uniform(-1, 1, len(self._arms)) * spread
            pose[self._moved] = np.clip(pose, low, high)[self._moved]
            for left, right, sign in self._mirror:
                pose[right] = np.clip(sign * pose[left], self.lower[right], self.upper[right])
            if not (pairs := near(pose)):
                return pose
            found.update(pairs)
        raise RobotDescriptionError(
            "ready pose",
            f"none of {_TRIES} poses keeps the margins; too near most often: "
            + ", ".join(f"{a} and {b} ({n} times)" for (a, b), n in found.most_common(3))
            + "; give them simpler <collision> shapes",
        )

    def _mirrored(self, tree: Tree, parts: Parts) -> list[tuple[int, int, float]]:
        """Left and right places of arms' joints that mirror each other, and the sign between them."""
        sides = {limb.side: limb for limb in parts.limbs}
        if not {"left", "right"} <= set(sides):
            return []
        found = []
        for both in zip(sides["left"].arm, sides["right"].arm, strict=False):
            axes = [pin.computeJointJacobians(tree.model, tree.data, self.still)[:, i]
                    for i in self.indices(list(both))]  # fmt: skip
            slides = not axes[0][3:].any()
            mirror = np.array((1.0, -1.0, 1.0) if slides else (-1.0, 1.0, -1.0))
            part = slice(0, 3) if slides else slice(3, 6)
            sign = 1.0 if axes[0][part] * mirror @ axes[1][part] > 0 else -1.0
            found.append((*self.indices(list(both)).tolist(), sign))
        return found
