"""One way to run a network, whichever runtime is behind it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from vla_core.inference.arrays import Array


class Session(Protocol):
    """A network with named inputs and one output, all arrays of the device that it runs on."""

    def put(self, array: np.ndarray) -> Array:
        """A host's array to the device."""

    def run(self, **inputs: Array) -> Array:
        """Evaluate the network."""
