"""How the foresight reaches System 1: DIAL's bottleneck, and what section 5.2 compares it with."""

from __future__ import annotations

from enum import Enum


class Foresight(Enum):
    """`model.foresight` of a configuration; the paper's rows are those of section 4.2.2."""

    BOTTLENECK = "bottleneck"
    """DIAL (section 3): System 1 has its own view and the foresight, and nothing else."""

    MISMATCHED = "mismatched"
    """DIAL-DINO: System 2 sees by another encoder than the one in whose space it foresees."""

    NONE = "none"
    """GR00T-Qwen2.5 and -FT: System 1 is told what System 2 understands; nothing is foreseen."""

    AUXILIARY = "auxiliary"
    """+ FLARE: the same, and queries learn to foresee beside it; System 1 does not get them."""

    APPENDED = "appended"
    """+ SEER: the queries' outputs go to System 1 too, behind what System 2 understands."""

    APPENDED_WITH_VIEW = "appended_with_view"
    """+ SEER-EV: the same, and System 1 has its own view."""

    @property
    def is_bottleneck(self) -> bool:
        """Whether System 1 learns of the instruction by the foresight alone."""
        return self in (Foresight.BOTTLENECK, Foresight.MISMATCHED)

    @property
    def foresees(self) -> bool:
        """Whether there is a world model, L_world (eq. 2)."""
        return self is not Foresight.NONE

    @property
    def appends(self) -> bool:
        """Whether the queries' outputs are context beside others."""
        return self in (Foresight.APPENDED, Foresight.APPENDED_WITH_VIEW)

    @property
    def system1_sees(self) -> bool:
        """Whether System 1 has a view of its own."""
        return self.is_bottleneck or self is Foresight.APPENDED_WITH_VIEW
