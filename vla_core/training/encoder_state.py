"""Pretraining of the ViT on recordings, where no simulator tells where things are.

The robot's own measured joints are the only truth that comes with a real recording, so the ViT
learns to see them: each patch gives a few numbers, all patches' numbers together the state. What
this teaches is where arms and hands are; objects are seen only by what the features carry along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vla_core.data.episodes import Episode
from vla_core.policies.dial.normalisation import Normalisation
from vla_core.policies.vit import ViT
from vla_core.robot.model import RobotModel
from vla_core.training.encoder import jittered

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
) -> tuple[StateRegressor, FrameBatches, Callable[[], dict[str, float]]]:
    """What to train, on what, and how to measure it.

    Args:
        vit: the encoder to pretrain.
        training, held_out: recordings; all their frames are kept in memory.
        robot: gives state vectors.
        cameras: views in the policy's order.
    """
    states = _states(training, robot)
    normalisation = Normalisation.fit(states, np.diff(states, axis=0))
    regressor = StateRegressor(vit, robot.state_size)
    batches = FrameBatches(_images(training, cameras), normalisation.state(states))
    check = FrameBatches(
        _images(held_out, cameras), normalisation.state(_states(held_out, robot))
    )
    return regressor, batches, lambda: state_error(regressor, check)


class StateRegressor(nn.Module):
    """The ViT with a linear head: a few numbers a patch, from all of them the robot's state.

    Args:
        vit: the encoder to pretrain.
        state: numbers in the state.
    """

    def __init__(self, vit: ViT, state: int) -> None:
        super().__init__()
        self.vit = vit
        self.patch = nn.Linear(vit.width, NUMBERS)
        self.head = nn.Linear(NUMBERS * vit.patches, state)

    def predict(self, images: Tensor) -> Tensor:
        """`(batch, cameras, h, w, 3)` uint8 -> `(batch, state)` normalised."""
        return self.head(self.patch(self.vit(images)).flatten(1))

    def forward(self, batch: Mapping[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
        """Mean squared error of the normalised state."""
        return {"loss": mse_loss(self.predict(batch["images"]), batch["state"])}


class FrameBatches:
    """Random frames of recordings with the robot's state, brightness jittered.

    Args:
        images: `(frames, cameras, size, size, 3)` uint8.
        states: `(frames, state)` normalised.
    """

    def __init__(self, images: np.ndarray, states: np.ndarray) -> None:
        self.images = images
        self.states = states

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """A random batch."""
        result = self.rows(rng.integers(len(self.images), size=batch))
        result["images"] = jittered(result["images"], rng)
        return result

    def rows(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Given frames, as they are."""
        return {
            "images": torch.from_numpy(self.images[rows]),
            "state": torch.from_numpy(self.states[rows]),
        }


@torch.no_grad()
def state_error(model: StateRegressor, frames: FrameBatches) -> dict[str, float]:
    """On held-out frames: mean squared error of the normalised state; 1 is guessing the mean."""
    rng = np.random.default_rng(0)
    count = min(VALIDATION_FRAMES, len(frames.images))
    batch = frames.rows(rng.choice(len(frames.images), count, replace=False))
    device = next(model.parameters()).device
    predicted = [model.predict(images.to(device)).cpu() for images in batch["images"].split(100)]
    return {"state": float(mse_loss(torch.cat(predicted), batch["state"]))}


def _images(episodes: Sequence[Episode], cameras: Sequence[str]) -> np.ndarray:
    views = [np.stack([e.images[camera] for camera in cameras], axis=1) for e in episodes]
    return np.concatenate(views)


def _states(episodes: Sequence[Episode], robot: RobotModel) -> np.ndarray:
    return np.stack([robot.state_vector(q) for e in episodes for q in e.position])
