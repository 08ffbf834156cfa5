"""A forward model carries what was seen over what is committed (LingBot-VA, algorithm 2)."""

from __future__ import annotations

from vla_core.chunks.strategies.switch import Switch
from vla_core.contract.manifest import PolicyManifest
from vla_core.types import Conditioning


class ForwardDynamics(Switch):
    """System 1 acts on what it expects to see once the committed steps have been executed.

    Its chunk holds those steps, and its own from where they end.
    """

    conditioning = Conditioning.FORWARD

    def limit_steps(self, manifest: PolicyManifest, executed: int) -> int | None:
        """As far as the forward model was trained to look.

        A chunk holds its d committed steps and H more, of which max(s, d) pass until the next one
        is computed; the d that are left for that one to be carried over need d <= H alone.
        """
        return manifest.forward_steps
