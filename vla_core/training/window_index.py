"""Which frames of several episodes, laid one after the other, make a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vla_core.contract.episode import Episode


@dataclass(frozen=True)
class WindowIndex:
    """A window begins at every frame that has a whole chunk after it in its episode.

    Attributes:
        horizon: H, steps of a chunk.
        stride: frames in a step: a recording may have more frames than the policy has steps.
        starts: `(windows, 2)`: frame of each window's observation, and how many frames its episode
            has before that.
    """

    horizon: int
    stride: int
    starts: np.ndarray

    @classmethod
    def over(cls, lengths: Sequence[int], horizon: int, stride: int) -> WindowIndex:
        """Of episodes with so many frames each, what `padded` adds included."""
        starts, first = [], 0
        for length in lengths:
            within = np.arange(max(0, length - horizon * stride))
            starts.append(np.column_stack([first + within, within]))
            first += length
        return cls(horizon, stride, np.concatenate(starts))

    def __len__(self) -> int:
        return len(self.starts)

    def chunks(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """`(rows, H)` frames whose targets make the chunks of windows `rows`."""
        return self.starts[rows, 0][:, None] + self.stride * np.arange(self.horizon)

    def before(self, rows: np.ndarray, back: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frames in the past of windows `rows` `(rows,)`.

        Args:
            back: how many frames, `(rows,)`, or `(rows or 1, k)` for k moments.

        Returns:
            Frames and whether they are there, like `back`: before an episode's first frame there is
            none, and that frame stands for it.
        """
        frames, within = self.starts[rows].T
        if back.ndim == 2:
            frames, within = frames[:, None], within[:, None]
        return frames - np.minimum(back, within), back <= within


def padding(episode: Episode, reach: int) -> int:
    """Frames that continue an episode by `reach`, so that windows begin up to its last frame.

    One that ends at rest goes on like that; of one that was cut only its own frames are used.
    """
    return reach if episode.complete else 0


def padded(frames: np.ndarray, extra: int) -> np.ndarray:
    """`frames`, and the last one `extra` times more."""
    return np.concatenate([frames, np.repeat(frames[-1:], extra, axis=0)])
