"""Pretraining of the ViT on recordings, where no simulator tells where things are.

The robot's own joints are the only truth that comes with a real recording. So from one picture the
ViT learns to see where the joints are, and where they are told to be a while later: the first
teaches arms and hands, the second what they are going to, as nothing else in the picture tells.
Each patch gives a few numbers, all patches' numbers together the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vla_core.contract.episode import Episode
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.robot.model import RobotModel
from vla_core.training.augmentation import moved
from vla_core.training.joint_frames import state_vectors
from vla_core.training.window_index import padded, padding

#: Numbers that a patch contributes; a patch's place matters, so they are not averaged.
NUMBERS = 8
#: Held-out frames that the encoder is measured on.
VALIDATION_FRAMES = 500


def learn_from_states(
    vit: ViT,
    training: Sequence[Episode],
    held_out: Sequence[Episode],
    robot: RobotModel,
    cameras: Sequence[str],
    horizon: int,
) -> tuple[StateRegressor, FrameBatches, Callable[[], dict[str, float]]]:
    """What to train, on what, and how to measure it.

    Args:
        vit: the encoder to pretrain.
        training, held_out: recordings; all their frames are kept in memory.
        robot: gives state vectors.
        cameras: views in the policy's order.
        horizon: frames to the farther of the two looks ahead; the nearer is half of it.
    """
    ahead = (horizon // 2, horizon)
    states, moves = _states_and_moves(training, robot, ahead)
    normalisation = Normalisation.fit(states, np.concatenate(list(moves)))

    def frames(episodes: Sequence[Episode]) -> FrameBatches:
        states, moves = _states_and_moves(episodes, robot, ahead)
        answers = [normalisation.state(states), *(moves / normalisation.action_std)]
        images = np.concatenate(
            [
                np.stack([e.images[camera][: _asked(e, horizon)] for camera in cameras], axis=1)
                for e in episodes
            ]
        )
        return FrameBatches(images, np.concatenate(answers, axis=1).astype(np.float32))

    regressor = StateRegressor(vit, robot.state_size * (1 + len(ahead)))
    check = frames(held_out)
    return regressor, frames(training), lambda: answer_error(regressor, check, robot.state_size)


class StateRegressor(nn.Module):
    """The ViT with a linear head: a few numbers a patch, from all of them the answer.

    Args:
        vit: the encoder to pretrain.
        answer: numbers in the answer.
    """

    def __init__(self, vit: ViT, answer: int) -> None:
        super().__init__()
        self.vit = vit
        self.patch = nn.Linear(vit.width, NUMBERS)
        self.head = nn.Linear(NUMBERS * vit.patches, answer)

    def predict(self, images: Tensor) -> Tensor:
        """`(batch, cameras, h, w, 3)` uint8 -> `(batch, answer)` normalised."""
        return self.head(self.patch(self.vit(images)).flatten(1))

    def forward(self, batch: Mapping[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
        """Mean squared error of the normalised answer."""
        return {"loss": mse_loss(self.predict(batch["images"]), batch["answer"])}


class FrameBatches:
    """Random frames of recordings, as another camera would have seen them, with their answers.

    Args:
        images: `(frames, cameras, size, size, 3)` uint8.
        answers: `(frames, answer)` normalised: state, and where it is told to be later.
    """

    def __init__(self, images: np.ndarray, answers: np.ndarray) -> None:
        self.images = images
        self.answers = answers

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """A random batch."""
        result = self.rows(rng.integers(len(self.images), size=batch))
        seen = [moved(views, rng) for views in result["images"].numpy()]
        return {**result, "images": torch.from_numpy(np.stack(seen))}

    def rows(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Given frames, as they are."""
        return {
            "images": torch.from_numpy(self.images[rows]),
            "answer": torch.from_numpy(self.answers[rows]),
        }


@torch.no_grad()
def answer_error(model: StateRegressor, frames: FrameBatches, state: int) -> dict[str, float]:
    """On held-out frames, mean squared errors; 1 is guessing the mean, or standing still.

    Args:
        state: numbers of the answer that are the `state`; the others lie `ahead`.
    """
    rng = np.random.default_rng(0)
    count = min(VALIDATION_FRAMES, len(frames.images))
    batch = frames.rows(rng.choice(len(frames.images), count, replace=False))
    device = next(model.parameters()).device
    predicted = [model.predict(images.to(device)).cpu() for images in batch["images"].split(100)]
    error = (torch.cat(predicted) - batch["answer"]).square().mean(dim=0)
    return {"state": float(error[:state].mean()), "ahead": float(error[state:].mean())}


def _asked(episode: Episode, reach: int) -> int:
    """Frames of which it is known what is told `reach` frames later: the first so many."""
    return max(0, len(episode) + padding(episode, reach) - reach)


def _states_and_moves(
    episodes: Sequence[Episode], robot: RobotModel, ahead: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """`(n, state)` states, and `(ahead, n, state)` how far from them the later targets are."""
    states, moves = [], []
    for episode in episodes:
        count = _asked(episode, max(ahead))
        now = state_vectors(robot, episode.position)[:count]
        told = padded(state_vectors(robot, episode.action), padding(episode, max(ahead)))
        states.append(now)
        moves.append(np.stack([told[k : k + count] - now for k in ahead]))
    return np.concatenate(states), np.concatenate(moves, axis=1)
