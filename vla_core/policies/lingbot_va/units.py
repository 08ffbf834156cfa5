"""Training sequences: episodes as latent frames with the actions between, packed end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vla_core.contract.episode import Episode
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.unified_action import UnifiedAction, UnifiedScaling
from vla_core.policies.lingbot_va.vae import Vae
from vla_core.policies.visuomotor.language import Language
from vla_core.progress import counted
from vla_core.robot.model import RobotModel
from vla_core.training.window_index import padded, padding


@dataclass(frozen=True)
class Units:
    """A unit is a latent frame and the actions that led to it.

    An episode gives as many rows of units as a unit has frames of the recording, each row begun a
    frame later. Rows lie one after the other; a sequence is so many units from anywhere, and goes
    on into the next row where one ends (section 4.2, packing).

    Attributes:
        stride: frames of the recording in a step.
        steps: of a unit.
        latents: `(frames, N, token_numbers)` float16, each as the encoder gives it after the frames
            a unit, two units, ... before it.
        actions, measured: `(frames, 30)` commanded and measured.
        words: `(frames, ...)`, the instruction of each.
        order: `(units,)` frame of each unit.
        within: `(units,)` how many frames its episode has before it.
        begins: `(units,)` bool, whether it is a row's first.
        known: `(30,)` bool, which numbers say something.
        starts: `(sequences,)` units that a sequence may begin with.
    """

    stride: int
    steps: int
    latents: np.ndarray
    actions: np.ndarray
    measured: np.ndarray
    words: np.ndarray
    order: np.ndarray
    within: np.ndarray
    begins: np.ndarray
    known: np.ndarray
    starts: np.ndarray

    @classmethod
    def build(
        cls,
        episodes: Sequence[Episode],
        vae: Vae,
        robot: RobotModel,
        cameras: Sequence[str],
        sizes: LingBotSizes,
        rate_hz: float,
        language: Language,
        length: int,
    ) -> Units:
        """Encode episodes, all of one rate; of a complete one its rest goes on for a chunk.

        Args:
            rate_hz: of the policy's steps, a whole fraction of the episodes'.
            length: of a sequence [latent frames].
        """
        stride = round(episodes[0].rate_hz / rate_hz)
        unified, every = UnifiedAction(robot), sizes.unit_steps * stride
        latents, actions, measured, words = [], [], [], []
        order, within, begins, first = [], [], [], 0
        for episode in counted(episodes, "latent frames"):
            extra = padding(episode, sizes.longest_chunk * every)
            views = np.stack([episode.images[camera] for camera in cameras], axis=1)
            latents.append(encoded(vae, padded(views, extra), sizes.frame_steps * stride, every))
            actions.append(padded(unified.of(episode.action), extra))
            measured.append(padded(unified.of(episode.position), extra))
            frames = len(latents[-1])
            text = language(episode.instruction)
            words.append(np.broadcast_to(text, (frames, *text.shape)))
            for begin in range(min(every, frames)):
                row = np.arange(begin, frames, every)
                order.append(first + row)
                within.append(row)
                begins.append(row == begin)
            first += frames
        parts = (latents, actions, measured, words, order, within, begins)
        arrays = [np.concatenate(part) for part in parts]
        starts = np.arange(max(0, len(arrays[4]) - length + 1))
        return cls(stride, sizes.unit_steps, *arrays, unified.known, starts)

    def save(self, folder: Path) -> None:
        """Write each array beside the others, `starts` last."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = vars(self)
        for name in (*(arrays.keys() - {"starts"}), "starts"):
            np.save(folder / f"{name}.npy", arrays[name])

    @classmethod
    def load(cls, folder: Path) -> Units:
        """Read what `save` wrote, without copying the latents into memory."""
        arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
        counts = {name: int(arrays.pop(name)) for name in ("stride", "steps")}
        return cls(**counts, **arrays)

    def __len__(self) -> int:
        return len(self.starts)

    def weights(self) -> np.ndarray:
        """`(sequences,)` probabilities to draw them by: all alike."""
        return np.full(len(self), 1.0 / len(self))

    def scaling(self) -> UnifiedScaling:
        """Fitted to all that was commanded and measured."""
        frames = np.unique(self.order)
        numbers = np.concatenate([self.actions[frames], self.measured[frames]])
        return UnifiedScaling.fit(numbers, self.known)

    def of_one_row(self, length: int) -> np.ndarray:
        """Sequences of `length` that lie in one row, as numbers of `starts`."""
        goes_on = ~np.array(self.begins)
        inside = [goes_on[k : k + len(self)] for k in range(1, length)]
        return np.flatnonzero(np.logical_and.reduce(inside)) if inside else np.arange(len(self))

    def batch(self, rows: np.ndarray, length: int, scaling: UnifiedScaling) -> dict[str, Tensor]:
        """Sequences `rows` `(batch,)` of `length` latent frames, as `losses` has them."""
        units = self.starts[rows][:, None] + np.arange(length)
        frames, within = self.order[units], self.within[units]
        back = self.stride * np.arange(self.steps, 0, -1)
        done = self.actions[np.maximum(frames[..., None] - back, 0)]
        # before its first frame the robot stood where it was seen first
        began = (within[..., None] >= back)[..., None]
        done = np.where(began, done, self.measured[frames - within][..., None, :])
        arrays = {
            "latents": self.latents[frames].astype(np.float32),
            "actions": scaling.scaling.normalised(done),
            "words": self.words[frames],
            "begins": self.begins[units],
            "known": np.broadcast_to(self.known, (len(rows), len(self.known))),
        }
        return {key: torch.from_numpy(np.ascontiguousarray(a)) for key, a in arrays.items()}


@torch.no_grad()
def encoded(vae: Vae, views: np.ndarray, picture: int, unit: int, batch: int = 16) -> np.ndarray:
    """`(frames, N, token_numbers)` float16 of a whole episode's pictures.

    Args:
        views: `(frames, cameras, h, w, 3)` uint8.
        picture, unit: frames from one picture of the encoder's to the next, and from one latent
            frame to the next.
        batch: rows of units that are encoded at once.
    """
    device, frames = next(vae.parameters()).device, len(views)
    count = -(-frames // picture)
    found = None
    for first in range(0, min(unit, frames), batch):
        begins = np.arange(first, min(first + batch, unit, frames))
        # a row that is shorter than others ends in its last picture, which none of its own sees
        places = np.minimum(begins[:, None] + picture * np.arange(count), frames - 1)
        latents = vae.encode(torch.from_numpy(views[places]).to(device)).cpu().numpy()
        if found is None:
            found = np.zeros((frames, *latents.shape[2:]), np.float16)
        for begin, row in zip(begins, latents, strict=True):
            own = np.arange(begin, frames, unit)
            found[own] = row[: len(own)]
    return found
