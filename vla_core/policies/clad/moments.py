"""Recorded moments: the pictures that are nearest to what is foreseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.errors import PolicyError

_FILE, _PICTURES = "moments.npz", "pictures_"
#: Moments that a policy's folder has.
_COUNT = 96
#: Places in an episode are this far apart from one moment to the next, so that they fill it evenly.
_GOLDEN = 0.5 * (5.0**0.5 - 1.0)


@dataclass(frozen=True)
class Moments:
    """Some moments of what a policy has learned from.

    Attributes:
        semantics: `(moments, L_s, d)` float16, eq. 16 of each.
        pictures: `{camera: (moments, height, width, 3) uint8 RGB}`.
    """

    semantics: np.ndarray
    pictures: Mapping[str, np.ndarray]

    @classmethod
    def of(
        cls,
        episodes: Sequence[Path],
        cameras: Sequence[str],
        semantics: Callable[[np.ndarray, str], np.ndarray],
    ) -> Moments:
        """Moments from the begin to the end of episodes, spread evenly over them.

        Args:
            episodes: their files.
            cameras: of the policy, in order.
            semantics: `(L_s, d)` of pictures `(cameras, height, width, 3)` and an instruction.
        """
        codes, pictures = [], []
        path = episode = None
        for number in range(_COUNT):
            if path != (path := episodes[number * len(episodes) // _COUNT]):
                episode = Episode.load(path)
            frame = int(len(episode) * (number * _GOLDEN % 1.0))
            pictures.append(np.stack([episode.images[camera][frame] for camera in cameras]))
            codes.append(semantics(pictures[-1], episode.instruction))
        views = np.stack(pictures, axis=1)
        return cls(np.stack(codes).astype(np.float16), dict(zip(cameras, views, strict=True)))

    def save(self, folder: Path) -> None:
        """Write them into a policy's folder."""
        pictures = {f"{_PICTURES}{camera}": views for camera, views in self.pictures.items()}
        np.savez_compressed(folder / _FILE, semantics=self.semantics, **pictures)

    @classmethod
    def load(cls, folder: Path) -> Moments | None:
        """Those of a policy's folder; None where it has none.

        Raises:
            PolicyError: they are not readable.
        """
        path = folder / _FILE
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                views = {k.removeprefix(_PICTURES): stored[k] for k in stored if _PICTURES in k}
                return cls(stored["semantics"], views)
        except (OSError, ValueError, KeyError) as error:
            problem = f"is not readable ({error}); train or copy it again"
            raise PolicyError(str(path), problem) from error

    def nearest(self, foresight: np.ndarray) -> int:
        """The moment that is nearest to a semantic foresight `(L_s, d)`, by eq. 17."""
        ways = _directions(self.semantics.astype(np.float32)) - _directions(foresight)
        return int(np.square(ways).sum(axis=(1, 2)).argmin())


def _directions(tokens: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(tokens, axis=-1, keepdims=True)
    return tokens / np.maximum(lengths, 1e-12)
