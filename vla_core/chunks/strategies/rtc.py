"""Real-time chunking (Black et al. 2025, arXiv 2506.07339)."""

from __future__ import annotations

from vla_core.chunks.strategies.switch import Switch
from vla_core.contract.manifest import PolicyManifest
from vla_core.types import Conditioning


class RealTimeChunking(Switch):
    """System 1 samples its chunk so that it joins the plan in execution.

    What will have been executed by then is frozen, what the plan still holds after that is kept
    the less the later it is.
    """

    conditioning = Conditioning.GUIDED

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """The old plan must reach as far as what is frozen of the new one: d <= H - s.

        Of a chunk no fewer steps are executed than the next one is late, s >= d, so d <= H / 2 too.
        """
        return max(0, min(manifest.horizon - executed, manifest.horizon // 2))
