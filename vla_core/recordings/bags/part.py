"""The part of a bag that is played."""

from __future__ import annotations

from dataclasses import dataclass

from vla_core.recordings.bags.bag import BagError


@dataclass(frozen=True)
class Part:
    """What is played, in seconds since the bag's begin.

    Attributes:
        from_s: first moment [s].
        to_s: last moment [s]; 0: the bag's end.
    """

    from_s: float = 0.0
    to_s: float = 0.0

    def check(self, duration_s: float) -> None:
        """Refuse what is outside a bag of this length.

        Raises:
            BagError: begins behind the end, or ends before its begin.
        """
        to_s = self.to_s or duration_s
        if not 0.0 <= self.from_s <= to_s:
            raise BagError(
                f"from {self.from_s:g} s to {to_s:g} s: expected 0 to {duration_s:.3f} s, the "
                "length of the bag, and the begin before the end"
            )
