"""Figure 3: which token of a training sequence sees which.

A sequence holds every latent frame and the actions that led to it twice: as history, and noisy, to
be denoised. Frames and actions are cut into chunks. History is causal across chunks; in a chunk
frames see all its frames, and actions all its actions. Noisy frames see the history before their
chunk (eqs. 8 and 11), noisy actions besides the history's frames of their own chunk (eqs. 9 and
12). Where the forward model learns, noisy frames see the actions of their own chunk instead (eq.
13). In the history a chunk's frames and its actions do not see each other: else each would show the
other to what is to find it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor


class Kind(Enum):
    """What a token is."""

    FRAME = "frame"
    NOISY_FRAME = "noisy frame"
    ACTION = "action"
    NOISY_ACTION = "noisy action"


#: Queries, and keys of their own chunk that they see.
_WITHIN = {
    (Kind.FRAME, Kind.FRAME),
    (Kind.ACTION, Kind.ACTION),
    (Kind.NOISY_FRAME, Kind.NOISY_FRAME),
    (Kind.NOISY_ACTION, Kind.NOISY_ACTION),
    (Kind.NOISY_ACTION, Kind.FRAME),
}


class Chunks(NamedTuple):
    """How the latent frames of sequences are cut.

    Attributes:
        chunk: `(batch, frames)` int64, number of each frame's chunk; it only grows.
        first: `(batch, frames)` int64, place of the first frame of each frame's chunk.
        episode: `(batch, frames)` int64, number of each frame's episode; it only grows.
    """

    chunk: Tensor
    first: Tensor
    episode: Tensor

    @property
    def predicted(self) -> Tensor:
        """`(batch, frames)` bool: all but an episode's first, before which there is nothing."""
        before = self.episode.gather(1, (self.first - 1).clamp(min=0))
        return (self.first > 0) & (before == self.episode)


def drawn_chunks(begins: Tensor, longest: int, noise: torch.Generator) -> Chunks:
    """Cut sequences at random: each chunk is 1 to `longest` frames, uniformly.

    The first frame of an episode is a chunk by itself: it is given.

    Args:
        begins: `(batch, frames)` bool, where an episode begins; a sequence's first frame counts as
            one.
    """
    batch, frames = begins.shape
    lengths = torch.randint(1, longest + 1, begins.shape, generator=noise, device=begins.device)
    starts = torch.ones_like(begins)
    left = torch.zeros(batch, dtype=torch.int64, device=begins.device)
    for frame in range(1, frames):
        new = begins[:, frame] | (left == 0)
        starts[:, frame] = new
        left = torch.where(new, lengths[:, frame], left) - 1
        left = torch.where(begins[:, frame], 0, left)
    episodes = begins.clone()
    episodes[:, 0] = True
    place = torch.arange(frames, device=begins.device).expand(batch, -1)
    first = torch.where(starts, place, 0).cummax(dim=1).values
    return Chunks(starts.cumsum(dim=1), first, episodes.cumsum(dim=1))


def sees(
    query: Kind, key: Kind, chunks: Chunks, window: int, forward: Tensor | None = None
) -> Tensor:
    """Of two kinds of tokens, which frames' queries see which frames' keys.

    Args:
        window: frames before a chunk that its tokens see, at most.
        forward: `(batch, frames)` bool, of whose chunks the forward model learns; None: of none.

    Returns:
        `(batch, frames, frames)` bool.
    """
    chunk, first, episode = chunks
    places = torch.arange(chunk.shape[1], device=chunk.device)
    same = chunk[:, :, None] == chunk[:, None]
    visible = torch.zeros_like(same)
    if key in (Kind.FRAME, Kind.ACTION):
        before = (chunk[:, None] < chunk[:, :, None]) & (episode[:, None] == episode[:, :, None])
        visible = before & (first[:, :, None] - places <= window)
    if (query, key) in _WITHIN:
        visible = visible | same
    if (query, key) == (Kind.NOISY_FRAME, Kind.ACTION) and forward is not None:
        visible = visible | (same & forward[:, :, None])
    return visible


def mask(
    counts: Sequence[tuple[Kind, int]],
    chunks: Chunks,
    window: int,
    forward: Tensor | None = None,
) -> Tensor:
    """Of all tokens of sequences, kind after kind, frame after frame.

    Args:
        counts: the kinds in order, and how many tokens of it a frame has.
        chunks, window, forward: as for `sees`.

    Returns:
        `(batch, 1, n, n)` bool.
    """
    rows = []
    for query, queries in counts:
        row = [
            sees(query, key, chunks, window, forward).repeat_interleave(keys, dim=2)
            for key, keys in counts
        ]
        rows.append(torch.cat(row, dim=2).repeat_interleave(queries, dim=1))
    return torch.cat(rows, dim=1)[:, None]
