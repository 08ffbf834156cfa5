"""Real-time chunking learned in training (Black et al. 2025, arXiv 2512.05964)."""

from __future__ import annotations

from vla_core.chunks.strategies.rtc import RealTimeChunking
from vla_core.contract.manifest import PolicyManifest
from vla_core.types import Conditioning


class TrainedRealTimeChunking(RealTimeChunking):
    """System 1 is given the frozen steps of the plan as its chunk's beginning, and continues them.

    Sampling costs what it costs without, and there is nothing to tune; but the policy must have
    been trained for it.
    """

    conditioning = Conditioning.PREFIX

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """As far as the old plan reaches, and no longer a prefix than was trained."""
        return min(super().limit_steps(manifest, executed), manifest.prefix_steps)
