"""LingBot-VA whole: the video autoencoder, and two streams that share attention."""

from __future__ import annotations

from torch import nn

from vla_core.policies.lingbot_va.exported import (
    Decoded,
    Dream,
    Encoded,
    Imagine,
    Look,
    Remember,
    Velocity,
)
from vla_core.policies.lingbot_va.sizes import WAN, LingBotSizes
from vla_core.policies.lingbot_va.streams import Streams
from vla_core.policies.lingbot_va.vae import SmallVae, Vae


def new_vae(sizes: LingBotSizes) -> Vae:
    """The one that `vae` names; Wan's without its weights."""
    if sizes.vae == WAN:
        from vla_core.policies.lingbot_va.wan_vae import WanVae

        return WanVae(sizes)
    return SmallVae(sizes)


class LingBotVa(nn.Module):
    """All networks of the policy."""

    def __init__(self, sizes: LingBotSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vae = new_vae(sizes)
        self.streams = Streams(sizes)

    @property
    def intent_space(self) -> nn.Module:
        """What decides the meaning of its intents, for the fingerprint."""
        return self.vae

    @property
    def encoder(self) -> nn.Module:
        """Pictures to a latent frame."""
        return Encoded(self.vae)

    @property
    def picture(self) -> nn.Module:
        """Latent frames to pictures."""
        return Decoded(self.vae)

    @property
    def remember(self) -> nn.Module:
        """What is kept of a latent frame and its actions."""
        return Remember(self.streams, self.sizes)

    @property
    def dream(self) -> nn.Module:
        """The flow of the frames to come."""
        return Dream(self.streams, self.sizes)

    @property
    def look(self) -> nn.Module:
        """What actions see of them."""
        return Look(self.streams, self.sizes)

    @property
    def imagine(self) -> nn.Module:
        """The flow of the frame that committed actions lead to."""
        return Imagine(self.streams, self.sizes)

    @property
    def velocity(self) -> nn.Module:
        """The flow of the actions."""
        return Velocity(self.streams, self.sizes)
