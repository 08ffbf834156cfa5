"""Does every joint follow its own command?

A recording whose values are swapped while its names are not shows nowhere else: each of the two
joints follows the other's command.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from vla_core.doctor.finding import Findings, Kind

#: A joint is another's when it is off its own command by so much in the mean, and off the other's
#: by so many times less.
_OFF, _NEARER = 0.1, 3.0
_FEWEST_STATES = 30


class Following:
    """Sums up how far every joint was from every command.

    Args:
        names: joints in canonical order.
    """

    def __init__(self, names: tuple[str, ...], findings: Findings) -> None:
        self._names = names
        self._findings = findings
        self._distance = np.zeros((len(names), len(names)))
        self._states = 0
        self._first_ns = 0

    def see(self, position: np.ndarray, command: np.ndarray, log_ns: int) -> None:
        """Take in a state and the newest command, both `(dof,)` in canonical order."""
        if not self._states:
            self._first_ns = log_ns
        self._distance += np.abs(position[:, None] - command[None, :])
        self._states += 1

    def finish(self, topic: str, end_ns: int) -> None:
        """Judge which command each joint of the measured `topic` followed."""
        if self._states < _FEWEST_STATES:
            return
        distance = self._distance / self._states
        own = np.diag(distance)
        _, nearest = linear_sum_assignment(distance)
        other = distance[np.arange(len(own)), nearest]
        swapped = np.flatnonzero((own > _OFF) & (_NEARER * other < own))
        if not swapped.size:
            return
        pairs = [f"{self._names[p]} that of {self._names[nearest[p]]}" for p in swapped]
        text = f"joints follow another's command, their values are swapped: {', '.join(pairs)}"
        self._findings.add(
            Kind.JOINTS_PERMUTED, topic, end_ns, text, len(pairs), "values", since_ns=self._first_ns
        )
