"""Training windows with the codes of one camera's pictures beside the frozen encoder's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vla_core.contract.episode import Episode
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.f1.tokeniser import Tokeniser
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.windows import Windows
from vla_core.progress import counted
from vla_core.training.window_index import padded, padding


@dataclass(frozen=True)
class CodedWindows(Windows):
    """Windows of a policy that foresees pictures.

    Attributes:
        codes: `(frames, tokens)` int16 of the foreseen camera, all scales.
    """

    codes: np.ndarray = field(kw_only=True)

    @classmethod
    def of(cls, windows: Windows, codes: np.ndarray) -> CodedWindows:
        """Windows with the codes of their frames."""
        return cls(**vars(windows), codes=codes)

    def moments(
        self, rows: np.ndarray, normalisation: Normalisation, sizes: F1Sizes
    ) -> dict[str, Tensor]:
        """A batch of windows `rows` `(batch,)`, as `losses` describes it.

        Where an episode has no moment so many steps before, now stands for it, as on a robot that
        has just begun.
        """
        stride, now = self.stride, self.starts[rows, 0]
        ages = stride * np.array([*sizes.past_steps, 0])
        before, there = self.index.before(rows, ages[None])
        past = np.where(there, before, now[:, None])
        future = now + stride * sizes.foresight_steps
        return {
            **self.now(rows, normalisation),
            "past": torch.from_numpy(self.codes[past].astype(np.int64)),
            "future": torch.from_numpy(self.codes[future].astype(np.int64)),
        }


@torch.no_grad()
def coded(
    episodes: Sequence[Episode],
    tokeniser: Tokeniser,
    camera: str,
    reach: int,
    batch: int = 64,
) -> np.ndarray:
    """`(frames, tokens)` int16 of episodes, one after the other and continued as `Windows.build`.

    Args:
        reach: frames of a chunk.
    """
    device = next(tokeniser.parameters()).device
    found = []
    for episode in counted(episodes, "codes"):
        pictures = episode.images[camera]
        parts = [
            tokeniser.encode(torch.from_numpy(pictures[i : i + batch]).to(device)).cpu().numpy()
            for i in range(0, len(pictures), batch)
        ]
        found.append(padded(np.concatenate(parts).astype(np.int16), padding(episode, reach)))
    return np.concatenate(found)
