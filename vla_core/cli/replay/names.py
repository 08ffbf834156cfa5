"""Policies that need no training, by name, and what is told where a recording does not say."""

from __future__ import annotations

INSTRUCTION = "pick up the yellow bottle"
RANDOM, HOLD = "random", "hold"
