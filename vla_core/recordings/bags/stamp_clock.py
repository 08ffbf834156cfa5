"""The clock of a bag's stamps, where the recorder's was another one.

A bag recorded of a simulation without `use_sim_time` has stamps of the simulated clock and log times
of the wall clock. Its nodes ran on the stamps' clock, and so does whatever reads it.
"""

from __future__ import annotations

import numpy as np


class StampClock:
    """Maps log times to the stamps' clock, by the messages of one topic; never goes back.

    Args:
        log_ns, stamp_ns: `(n,)` of its messages in the order of the log, at least one [ns].
    """

    def __init__(self, log_ns: np.ndarray, stamp_ns: np.ndarray) -> None:
        self._log_ns, first = np.unique(np.maximum.accumulate(log_ns), return_index=True)
        self._stamp_ns = np.maximum.accumulate(stamp_ns)[first]

    def at(self, log_ns: int) -> int:
        """The stamps' clock when the recorder's showed `log_ns` [ns]."""
        begin_ns, end_ns = int(self._log_ns[0]), int(self._log_ns[-1])
        if log_ns <= begin_ns:
            return int(self._stamp_ns[0]) + log_ns - begin_ns
        if log_ns >= end_ns:
            return int(self._stamp_ns[-1]) + log_ns - end_ns
        after = int(np.searchsorted(self._log_ns, log_ns, side="right"))
        log_before, log_after = self._log_ns[after - 1 : after + 1].tolist()
        before, later = self._stamp_ns[after - 1 : after + 1].tolist()
        return before + (later - before) * (log_ns - log_before) // (log_after - log_before)
