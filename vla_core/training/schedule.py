"""How long and how fast a stage learns."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a stage learns.

    Attributes:
        steps: optimiser steps.
        batch: samples a step, on each process.
        learning_rate: peak, after a linear warm-up of 4 % of the steps; then a cosine to zero.
        weight_decay: of AdamW.
        average: decay of the moving average of the weights, which is what is kept; 0 is none.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.01
    average: float = 0.998

    def rate(self, step: int) -> float:
        """Learning rate of a step, as a share of the peak."""
        warm = max(1, self.steps // 25)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))
