"""Training windows: episodes as features of a frozen ViT, with a random lag of the intent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vla_core.contract.episode import Episode
from vla_core.policies.blocks.keypoints import Keypoints
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.visuomotor.language import Language
from vla_core.policies.visuomotor.motion import motion_of
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.sizes import Sizes
from vla_core.progress import counted
from vla_core.recordings.hand_video import HandVideo
from vla_core.robot.model import RobotModel
from vla_core.training.window_index import WindowIndex, padded, padding

#: System 2 may be this many steps behind System 1 [steps].
MAX_LAG = 4
#: A chunk that moves nothing further than this stands still [rad] or [m].
STILL = 0.03
#: How often windows that stand still, and an episode's first, are drawn, beside 1 for others.
STILL_WEIGHT, START_WEIGHT = 0.25, 2.0


@dataclass(frozen=True)
class Windows:
    """Every (observation, chunk, future) of some episodes, with the ViT's features computed once.

    Attributes:
        horizon: H [steps].
        stride: frames in a step: a recording may have more frames than the policy has steps.
        features: `(frames, patches, width)` float16; or `(frames, cameras, h, w, 3)` uint8, the
            pictures themselves, for an encoder that learns with the policy.
        states, targets: `(frames, state)` measured and commanded.
        velocities: `(frames, dof)`, as an `Observation` has them.
        words: `(frames, …)`, the instruction of each (`InstructionShape`).
        starts: as `WindowIndex` has them.
        seen: like `features`, of the encoder that System 2 sees by, where that is another one.
        known: `(frames, state)` bool, which numbers of states and targets there are, where others
            are padded with 0; None: all.
    """

    horizon: int
    stride: int
    features: np.ndarray
    states: np.ndarray
    velocities: np.ndarray
    targets: np.ndarray
    words: np.ndarray
    starts: np.ndarray
    seen: np.ndarray | None = None
    known: np.ndarray | None = None

    @classmethod
    def build(
        cls,
        episodes: Sequence[Episode] | Sequence[HandVideo],
        vit: ViT | Keypoints | None,
        robot: RobotModel,
        cameras: Sequence[str],
        sizes: Sizes,
        rate_hz: float,
        language: Language,
        system2_vit: ViT | None = None,
    ) -> Windows:
        """Encode episodes, all of one rate; a window begins at every frame.

        An episode that ends at rest is continued by its last frame; of one that was cut only
        windows that lie in it whole are used.

        Args:
            vit: encoder; None: a policy that sees nothing, and no features.
            robot: gives state vectors.
            cameras: views in the policy's order.
            sizes: of the policy.
            rate_hz: of the policy's steps, a whole fraction of the episodes'.
            language: turns instructions into what its networks take.
            system2_vit: frozen encoder of System 2, where that is another one.
        """
        features, seen, motions, words, lengths = [], [], [], [], []
        stride = round(episodes[0].rate_hz / rate_hz)
        for episode in counted(episodes, "features"):
            extra = padding(episode, sizes.horizon * stride)
            images = np.stack([episode.images[camera] for camera in cameras], axis=1)
            motions.append(motion_of(episode, robot, extra, stride))
            features.append(padded(encode(vit, images), extra))
            if system2_vit is not None:
                seen.append(padded(encode(system2_vit, images), extra))
            lengths.append(len(motions[-1].states))
            encoded = language(episode.instruction)
            words.append(np.broadcast_to(encoded, (lengths[-1], *encoded.shape)))
        states, velocities, targets, known = (np.concatenate(part) for part in zip(*motions))
        return cls(
            sizes.horizon,
            stride,
            np.concatenate(features),
            states,
            velocities,
            targets,
            np.concatenate(words),
            WindowIndex.over(lengths, sizes.horizon, stride).starts,
            np.concatenate(seen) if seen else None,
            None if known.all() else known,
        )

    def save(self, folder: Path) -> None:
        """Write each array beside the others, `starts` last; `load` maps them into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: array for name, array in vars(self).items() if array is not None}
        for name in (*(arrays.keys() - {"starts"}), "starts"):
            np.save(folder / f"{name}.npy", arrays[name])

    @classmethod
    def load(cls, folder: Path) -> Windows:
        """Read what `save` wrote, without copying the features into memory."""
        arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
        steps = {name: int(arrays.pop(name)) for name in ("horizon", "stride")}
        return cls(**steps, **arrays)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def index(self) -> WindowIndex:
        """Which frames make a window."""
        return WindowIndex(self.horizon, self.stride, self.starts)

    def normalisation(self, velocity: bool) -> Normalisation:
        """Fitted to all windows; with or without the `velocity` in proprioception."""
        frames = self.starts[:, 0]
        states = self.states[frames]
        moves = [self.targets[k] - states for k in self.index.chunks().T]
        velocities = self.velocities[frames] if velocity else None
        return Normalisation.fit(states, np.concatenate(moves), velocities)

    def all_known(self) -> Windows:
        """The same, to be mixed with windows of which not all is known."""
        return replace(self, known=np.broadcast_to(True, self.states.shape))

    def weights(self) -> np.ndarray:
        """`(windows,)` probabilities to draw windows by.

        Standing still at the end is easy and frequent: it is drawn less. How a motion begins is
        rare, one frame an episode, and decides whether the robot starts at all: it is drawn more.
        """
        frames, within = self.starts.T
        moves = np.zeros(len(frames))
        for k in self.index.chunks().T:
            move = np.abs(self.targets[k] - self.states[frames]).max(axis=1)
            moves = np.maximum(moves, move)
        weights = np.where(moves < STILL, STILL_WEIGHT, 1.0)
        weights[(within < MAX_LAG * self.stride) & (moves >= STILL)] = START_WEIGHT
        return weights / weights.sum()

    def batch(
        self,
        rows: np.ndarray,
        lag: np.ndarray,
        normalisation: Normalisation,
        ahead: np.ndarray | None = None,
    ) -> dict[str, Tensor]:
        """Windows `rows` `(batch,)`, their intents formed `lag` `(batch,)` steps earlier.

        Args:
            ahead: `(batch,)` steps, at most H, after which a forward model is asked for features.
        """
        frames = self.starts[rows, 0]
        past, _ = self.index.before(rows, lag * self.stride)
        found = {
            **self.now(rows, normalisation),
            "past": self._features(past),
            "future": self._features(past + self.horizon * self.stride),
        }
        if ahead is not None:
            found["ahead"] = torch.from_numpy(ahead)
            found["after"] = self._features(frames + ahead * self.stride)
        if self.seen is not None:
            found["seen"] = torch.from_numpy(self.seen[past].astype(np.float32))
        return found

    def now(self, rows: np.ndarray, normalisation: Normalisation) -> dict[str, Tensor]:
        """Of windows `rows` `(batch,)` what is seen, told and done, without a foresight.

        With `known`: what is not known is 0, the mean, in the state.
        """
        frames = self.starts[rows, 0]
        state = self.states[frames]
        arrays = {
            "words": self.words[frames],
            "state": normalisation.proprioception(state, self.velocities[frames]),
            "actions": normalisation.action(self.targets[self.index.chunks(rows)], state),
        }
        if self.known is not None:
            known = arrays["known"] = self.known[frames]
            arrays["state"][:, : known.shape[1]][~known] = 0.0
        return {
            "current": self._features(frames),
            **{key: torch.from_numpy(value) for key, value in arrays.items()},
        }

    def _features(self, frames: np.ndarray) -> Tensor:
        found = self.features[frames]
        return torch.from_numpy(found if found.dtype == np.uint8 else found.astype(np.float32))


def draws(
    normalisation: Normalisation, longest_ahead: int = 0
) -> Callable[[Windows, np.ndarray, np.random.Generator], dict[str, Tensor]]:
    """Batches of windows with a random lag of the intent.

    Args:
        normalisation: of the policy.
        longest_ahead: steps ahead, at most, that a forward model is asked for; 0: there is none.
    """

    def draw(windows: Windows, rows: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
        lag = rng.integers(MAX_LAG + 1, size=len(rows))
        ahead = rng.integers(1, longest_ahead + 1, size=len(rows)) if longest_ahead else None
        return windows.batch(rows, lag, normalisation, ahead)

    return draw


@torch.no_grad()
def encode(vit: ViT | Keypoints | None, images: np.ndarray, batch: int = 64) -> np.ndarray:
    """`(frames, cameras, h, w, 3)` uint8 -> `(frames, patches, width)` float16 features.

    An encoder that learns with the policy has none yet: the pictures stay as they are.
    """
    if isinstance(vit, Keypoints):
        return images
    if vit is None:
        return np.zeros((len(images), 0, 0), np.float16)
    device = next(vit.parameters()).device
    parts = [
        vit(torch.from_numpy(images[i : i + batch]).to(device)).cpu().numpy().astype(np.float16)
        for i in range(0, len(images), batch)
    ]
    return np.concatenate(parts)
