"""Real-time chunking (Black et al. 2025, arXiv 2506.07339)."""

from __future__ import annotations

from vla_core.execution.strategies.switch import Switch


class RealTimeChunking(Switch):
    """System 1 samples its chunk so that it joins the plan in execution.

    What will have been executed by then is frozen, what the plan still holds after that is kept
    the less the later it is.
    """

    joins = True
