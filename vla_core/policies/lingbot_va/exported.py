"""LingBot-VA as a robot runs it: parts of one output each, without weights of their own.

What is remembered (`cache`) has room for `window` latent frames, each with the actions that led to
it; what of it there is, is `shown` `(rows, window * unit_tokens)`. Rows are one; with guidance of
the video two, the second told no instruction. `now` `(rows,)` is the time of the newest real frame,
counted in latent frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.committed import committed
from vla_core.policies.lingbot_va.places import action_places, frame_places
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.streams import Actions, Frames, Mixed, Streams
from vla_core.policies.lingbot_va.vae import Vae


class Encoded(nn.Module):
    """`Vae.step`, both of its answers in one."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pictures: Tensor, kept: Tensor) -> Tensor:
        """`(1, n, cameras, h, w, 3)` uint8, `(1, k)` -> `(1, N * token_numbers + k)`."""
        tokens, later = self.vae.step(pictures, kept)
        return torch.cat([tokens.flatten(1), later], dim=1)


class Decoded(nn.Module):
    """`Vae.decode`."""

    def __init__(self, vae: Vae) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latents: Tensor) -> Tensor:
        """`(1, frames, N, token_numbers)` -> `(1, n, cameras, h, w, 3)` in 0..255."""
        return self.vae.decode(latents)


class _Part(nn.Module):
    def __init__(self, streams: Streams, sizes: LingBotSizes) -> None:
        super().__init__()
        self.streams, self.sizes = streams, sizes

    def ahead(self, now: Tensor) -> Tensor:
        """`(rows, K)` times of the chunk to come."""
        steps = torch.arange(1, self.sizes.chunk_frames + 1, device=now.device)
        return now[:, None] + steps.float()


def _mask(shown: Tensor, own: Tensor) -> Tensor:
    """`(rows, 1, n, m + n)` of what is remembered and of own tokens `(n, n)`."""
    rows, count = len(shown), len(own)
    remembered = shown[:, None, None].expand(-1, 1, count, -1)
    return torch.cat([remembered, own.expand(rows, 1, -1, -1)], dim=-1)


class Remember(_Part):
    """What later tokens see of a latent frame and of the actions that led to it."""

    def forward(
        self,
        latents: Tensor,
        seen_at: Tensor,
        actions: Tensor,
        words: Tensor,
        now: Tensor,
        cache: Tensor,
        shown: Tensor,
    ) -> Tensor:
        """Neither sees the other, both what is remembered.

        Args:
            latents: `(rows, N, token_numbers)`.
            seen_at: `(rows,)` flow time of these: 1, if it is what was seen.
            actions: `(rows, unit_steps, ACTION)`.
            words: instruction of each row.
            now: of this frame.

        Returns:
            `(rows, unit_tokens, cache_width)`.
        """
        sizes, times = self.sizes, now[:, None]
        frames = Frames(latents, seen_at[:, None], frame_places(sizes, times), words)
        done = Actions(actions, torch.ones_like(times), action_places(sizes, times))
        is_action = torch.arange(sizes.unit_tokens, device=shown.device) >= sizes.frame_tokens
        own = is_action[:, None] == is_action
        return self.streams(frames, done, _mask(shown, own), cache).cache


class Dream(_Part):
    """v_theta of algorithm 1: the flow of the chunk of latent frames to come."""

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        words: Tensor,
        now: Tensor,
        cache: Tensor,
        shown: Tensor,
    ) -> Tensor:
        """`(rows, K * N, token_numbers)` at flow time `(rows,)` -> their velocity."""
        return self._pass(latents, time, words, now, cache, shown).video

    def _pass(
        self,
        latents: Tensor,
        time: Tensor,
        words: Tensor,
        now: Tensor,
        cache: Tensor,
        shown: Tensor,
    ) -> Mixed:
        places = frame_places(self.sizes, self.ahead(now))
        frames = Frames(latents, time[:, None], places, words)
        count = int(latents.shape[1])
        own = torch.ones(count, count, dtype=torch.bool, device=shown.device)
        return self.streams(frames, None, _mask(shown, own), cache)


class Look(Dream):
    """What the actions to come see of the chunk that was dreamt: `(1, K * N, cache_width)`."""

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        words: Tensor,
        now: Tensor,
        cache: Tensor,
        shown: Tensor,
    ) -> Tensor:
        """Arguments as those of `Dream`."""
        return self._pass(latents, time, words, now, cache, shown).cache


class Imagine(_Part):
    """The forward model of algorithm 2: the flow of the frame that committed actions lead to."""

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        actions: Tensor,
        words: Tensor,
        now: Tensor,
        cache: Tensor,
        shown: Tensor,
    ) -> Tensor:
        """Velocity of `(1, N, token_numbers)` at `(1,)`, after `(1, unit_steps, ACTION)`."""
        sizes, times = self.sizes, now[:, None] + 1.0
        frames = Frames(latents, time[:, None], frame_places(sizes, times), words)
        done = Actions(actions, torch.ones_like(times), action_places(sizes, times))
        is_action = torch.arange(sizes.unit_tokens, device=shown.device) >= sizes.frame_tokens
        # frames see the actions; these do not see what they are to lead to
        own = ~is_action[:, None] | is_action
        return self.streams(frames, done, _mask(shown, own), cache).video


class Velocity(_Part):
    """v_psi of algorithm 1: the flow of the chunk of actions that leads to what was dreamt."""

    def forward(
        self,
        actions: Tensor,
        time: Tensor,
        context: Tensor,
        shown: Tensor,
        now: Tensor,
        prefix: Tensor | None = None,
        frozen: Tensor | None = None,
    ) -> Tensor:
        """Velocity of the flow.

        Args:
            actions: `(samples, horizon, ACTION)` noisy, normalised.
            time: `(samples,)`.
            context: `(1, m, cache_width)` of what is remembered and of what was dreamt.
            shown: `(1, m)`.
            now: `(1,)`.
            prefix, frozen: as for `VelocityField`.

        Returns:
            Like `actions`; without meaning where `frozen`.
        """
        samples, horizon = actions.shape[:2]
        actions, told = committed(actions, time, lambda t: t[:, None], prefix, frozen)
        places = action_places(self.sizes, self.ahead(now)).expand(samples, -1, -1)
        own = torch.ones(horizon, horizon, dtype=torch.bool, device=shown.device)
        moving = Actions(actions, told, places)
        seen = context.expand(samples, -1, -1)
        return self.streams(None, moving, _mask(shown, own), seen).actions
