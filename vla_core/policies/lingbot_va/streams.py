"""Mixture of Transformers (section 3.3): a wide video stream and a narrow action stream.

Each layer of a stream has its own queries, keys, values and MLP. Attention is over the tokens of
both: an action's queries, keys and values are projected to the video's width for it, and what it
gives is projected back and added. The video stream is Wan 2.2's (`wan.py` reads its weights).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vla_core.policies.blocks.decoder import RMSNorm
from vla_core.policies.blocks.rotary import GridAngles, rotated
from vla_core.policies.blocks.transformer import zeroed
from vla_core.policies.blocks.velocity_field import velocity_to
from vla_core.policies.lingbot_va.conditioning import FlowTime, TextAttention, TextTokens
from vla_core.policies.lingbot_va.sizes import ACTION, LingBotSizes


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)


class StreamBlock(nn.Module):
    """A layer of one stream; attention itself is outside of it, as it is of both.

    Args:
        width, hidden: of the stream's tokens, and of its MLP.
        joint: width that attention has.
    """

    def __init__(self, width: int, hidden: int, joint: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(width), _norm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.norm_query, self.norm_key = RMSNorm(joint), RMSNorm(joint)
        self.out = nn.Linear(joint, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU("tanh"), nn.Linear(hidden, width)
        )
        self.table = nn.Parameter(torch.randn(6, width) / math.sqrt(width))

    def ask(self, x: Tensor, six: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values `(batch, n, joint)` of tokens `(batch, n, width)`.

        Args:
            six: `(batch, n or 1, 6, width)`, of `FlowTime`.
        """
        shift, scale, *_ = (self.table + six).unbind(dim=2)
        told = self.norm1(x) * (1.0 + scale) + shift
        query, key, value = (self.joint(part(told)) for part in (self.query, self.key, self.value))
        return self.norm_query(query), self.norm_key(key), value

    def take(self, x: Tensor, mixed: Tensor, six: Tensor, text: Tensor | None) -> Tensor:
        """Tokens after attention gave `mixed` `(batch, n, joint)`; `text` as `TextAttention`."""
        _, _, gate1, shift, scale, gate2 = (self.table + six).unbind(dim=2)
        x = self.read(x + gate1 * self.out(mixed), text)
        return x + gate2 * self.mlp(self.norm2(x) * (1.0 + scale) + shift)

    def joint(self, part: Tensor) -> Tensor:
        """Queries, keys or values as attention takes them."""
        return part

    def read(self, x: Tensor, text: Tensor | None) -> Tensor:
        """The tokens after they were told the instruction; a stream that is not is as it was."""
        return x


class VideoBlock(StreamBlock):
    """Of the video stream: Wan's, which reads the instruction."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__(width, hidden, width)
        self.norm_text = nn.LayerNorm(width, eps=1e-6)
        self.text = TextAttention(width, heads)

    def read(self, x: Tensor, text: Tensor | None) -> Tensor:
        """Cross-attention to the instruction, added."""
        return x + self.text(self.norm_text(x), text)


class ActionBlock(StreamBlock):
    """Of the action stream; of the instruction it sees what the video's tokens have of it."""

    def __init__(self, width: int, hidden: int, joint: int) -> None:
        super().__init__(width, hidden, joint)
        self.up = nn.Linear(width, joint)

    def joint(self, part: Tensor) -> Tensor:
        """Projected to the video's width."""
        return self.up(part)


class Head(nn.Module):
    """A stream's last norm, modulated by flow time, and what its tokens say.

    Args:
        width: of the stream.
        out: its last layers.
    """

    def __init__(self, width: int, *out: nn.Module) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.table = nn.Parameter(torch.randn(2, width) / math.sqrt(width))
        self.out = nn.Sequential(*out)

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        """`(batch, n, width)`, `(batch, n or 1, width)` -> `(batch, n, numbers)`."""
        shift, scale = (self.table + embedded[:, :, None]).unbind(dim=2)
        return self.out(self.norm(x) * (1.0 + scale) + shift)


class Frames(NamedTuple):
    """Latent frames as the video stream takes them.

    Attributes:
        latents: `(batch, n, token_numbers)`.
        time: `(batch, parts)` flow time s of equal parts of the n; 1 is data.
        places: `(batch, n, 3)`: time in latent frames, row, column.
        words: instruction, `(batch * parts, ...)`, likewise.
    """

    latents: Tensor
    time: Tensor
    places: Tensor
    words: Tensor


class Actions(NamedTuple):
    """Actions as the action stream takes them; attributes as those of `Frames`."""

    actions: Tensor
    time: Tensor
    places: Tensor


class Mixed(NamedTuple):
    """What comes of a pass.

    Attributes:
        video: `(batch, n, token_numbers)` velocity of the frames' flow; None without frames.
        actions: `(batch, m, ACTION)` velocity of the actions'; None without.
        cache: `(batch, n + m, cache_width)`, what later tokens see of these, frames first.
    """

    video: Tensor | None
    actions: Tensor | None
    cache: Tensor


class Stream(nn.Module):
    """One stream's own part: its tokens, its layers, its head.

    Args:
        inside: numbers to tokens.
        blocks: its layers.
        head: tokens to numbers.
        time: flow time to what modulates it.
    """

    def __init__(
        self, inside: nn.Module, blocks: list[StreamBlock], head: Head, time: FlowTime
    ) -> None:
        super().__init__()
        self.inside, self.head, self.time = inside, head, time
        self.blocks = nn.ModuleList(blocks)


class Streams(nn.Module):
    """Both streams, layer by layer.

    Args:
        sizes: of the policy.
    """

    def __init__(self, sizes: LingBotSizes) -> None:
        super().__init__()
        self.heads, self.predicts = sizes.heads, sizes.predicts
        d_v, d_a, numbers = sizes.video_width, sizes.action_width, sizes.token_numbers
        layers, code = range(sizes.layers), sizes.action_code
        self.angles = GridAngles(d_v // sizes.heads)
        self.text = TextTokens(sizes.instruction_shape, sizes.text_width, d_v)
        self.video = Stream(
            nn.Linear(numbers, d_v),
            [VideoBlock(d_v, sizes.video_hidden, sizes.heads) for _ in layers],
            Head(d_v, zeroed(nn.Linear(d_v, numbers))),
            FlowTime(sizes.time_width, d_v),
        )
        self.action = Stream(
            nn.Sequential(nn.Linear(ACTION, code), nn.SiLU(), nn.Linear(code, d_a)),
            [ActionBlock(d_a, sizes.action_hidden, d_v) for _ in layers],
            Head(d_a, nn.Linear(d_a, code), nn.SiLU(), zeroed(nn.Linear(code, ACTION))),
            FlowTime(sizes.time_width, d_a),
        )

    def forward(
        self,
        frames: Frames | None,
        actions: Actions | None,
        mask: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Mixed:
        """A pass.

        Args:
            frames, actions: one of them at least.
            mask: `(batch or 1, 1, n + m, k + n + m)` bool, which tokens each sees; None: all.
            seen: `(batch, k, cache_width)`, cache of earlier passes; None: k = 0.
        """
        present = [
            _Moving(stream, tokens[0], tokens[1])
            for stream, tokens in ((self.video, frames), (self.action, actions))
            if tokens is not None
        ]
        places = torch.cat([t.places for t in (frames, actions) if t is not None], dim=1)
        text = None if frames is None else self.text(frames.words)
        layers = len(self.video.blocks)
        parts = [None] * layers if seen is None else seen.chunk(layers, dim=-1)
        angles, cache = self.angles(places), []
        for layer, part in enumerate(parts):
            asked = [moving.ask(layer) for moving in present]
            query, key, value = (torch.cat(each, dim=1) for each in zip(*asked, strict=True))
            mixed, own = self._attend(query, key, value, angles, mask, part)
            cache.append(own)
            shares = mixed.split([moving.count for moving in present], dim=1)
            for moving, share in zip(present, shares, strict=True):
                moving.take(layer, share, text)
        said = [moving.say() for moving in present]
        video = said.pop(0) if frames is not None else None
        flow = said.pop(0) if actions is not None else None
        if flow is not None and self.predicts == "action":
            flow = velocity_to(flow, actions.actions, _spread(actions.time, int(flow.shape[1])))
        return Mixed(video, flow, torch.cat(cache, dim=-1))

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        angles: Tensor,
        mask: Tensor | None,
        seen: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """What attention gives, and keys, turned, and values as `seen` has them."""
        query, key = (rotated(self._split(t), angles) for t in (query, key))
        own = torch.cat([key.transpose(1, 2).flatten(2), value], dim=-1)
        all_seen = own if seen is None else torch.cat([seen, own], dim=1)
        keys, values = (self._split(part) for part in all_seen.chunk(2, dim=-1))
        mixed = scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return mixed.transpose(1, 2).flatten(2), own

    def _split(self, t: Tensor) -> Tensor:
        return t.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class _Moving:
    """A stream's tokens on their way through its layers."""

    def __init__(self, stream: Stream, numbers: Tensor, time: Tensor) -> None:
        self._stream = stream
        self.x = stream.inside(numbers)
        self.count = int(numbers.shape[1])
        self._embedded, self._six = (_spread(t, self.count) for t in stream.time(time))

    def ask(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        return self._stream.blocks[layer].ask(self.x, self._six)

    def take(self, layer: int, mixed: Tensor, text: Tensor | None) -> None:
        self.x = self._stream.blocks[layer].take(self.x, mixed, self._six, text)

    def say(self) -> Tensor:
        return self._stream.head(self.x, self._embedded)


def _spread(parts: Tensor, count: int) -> Tensor:
    """`(batch, parts, ...)` to `(batch, count, ...)`, each as often; of one part it stays so."""
    there = int(parts.shape[1])
    return parts if there in (1, count) else parts.repeat_interleave(count // there, dim=1)
