"""What the encoder is pretrained on: where objects are, or where the robot itself is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vla_core.contract.episode import Episode
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.visuomotor.encoder import jittered, localisation_loss, targets
from vla_core.policies.visuomotor.encoder_state import (
    FrameBatches,
    StateRegressor,
    answer_error,
    learn_from_states,
)
from vla_core.robot.model import RobotModel
from vla_core.training.trainer import Schedule, Trainer


def test_an_object_is_labelled_in_the_one_patch_that_holds_its_centre():
    """Patches of a 2 x 2 grid are counted row by row; offsets are from the patch's centre."""
    pixels = torch.tensor([[[[0.85, 0.25]]]])  # one camera, one object: right, upper half
    positions = torch.tensor([[[[0.4, -0.1, 0.02]]]])
    presence, offset, position = targets(pixels, positions, grid=2)
    assert presence[0, :, 0].tolist() == [0, 1, 0, 0]
    assert offset[0, 1, 0].tolist() == pytest.approx([0.2, 0.0])
    assert position[0, 1, 0].tolist() == pytest.approx([4.0, -1.0, 0.2])  # decimetres


def test_an_object_outside_a_view_is_labelled_nowhere_in_it():
    pixels = torch.tensor([[[[1.2, 0.5]], [[0.1, 0.1]]]])  # two cameras, seen by the second alone
    presence, _, _ = targets(pixels, torch.zeros(1, 2, 1, 3), grid=2)
    assert presence[0, :, 0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


def test_a_perfect_localiser_has_no_loss():
    pixels, positions = torch.tensor([[[[0.3, 0.6]]]]), torch.tensor([[[[0.3, 0.1, 0.0]]]])
    presence, offset, position = targets(pixels, positions, grid=2)
    logit = (presence - 0.5)[..., None] * 100
    perfect = torch.cat([logit, offset, position], dim=-1)
    assert localisation_loss(perfect, pixels, positions, 2)["loss"].item() == pytest.approx(0.0)


def test_brightness_changes_by_sample_and_stays_in_range():
    images = torch.full((5, 2, 4, 4, 3), 240, dtype=torch.uint8)
    changed = jittered(images, np.random.default_rng(0))
    assert changed.dtype == torch.uint8 and changed.shape == images.shape
    assert len({int(sample[0, 0, 0, 0]) for sample in changed}) > 1
    assert (changed[0, 0] == changed[0, 1]).all()  # all views alike


def test_state_and_what_follows_are_learned_from_pictures(tmp_path):
    """A bright square whose column is the state, and whose row is what follows."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, 13, (200, 2))
    images = np.zeros((200, 1, 16, 16, 3), np.uint8)
    for image, (column, row) in zip(images, places, strict=True):
        image[0, row : row + 3, column : column + 3] = 220
    answers = ((places - 6.0) / 3.7).astype(np.float32)
    torch.manual_seed(0)
    regressor = StateRegressor(ViT(16, [8, 12], 1, 3, 1), 2)
    training = FrameBatches(images[:150], answers[:150])
    held_out = FrameBatches(images[150:], answers[150:])
    before = answer_error(regressor, held_out, 1)
    schedule = Schedule(steps=200, batch=16, learning_rate=3e-3, average=0.9)
    Trainer(tmp_path, "encoder", regressor, schedule, 1).run(training)
    after = answer_error(regressor, held_out, 1)
    for part in ("state", "ahead"):
        assert before[part] > 0.5 and after[part] < 0.3


@pytest.mark.parametrize(("complete", "asked"), ((True, 20), (False, 8)))
def test_an_episode_is_learned_from_as_far_as_it_is_known_what_follows(complete, asked):
    """One that ends at rest stays there; of one that was cut nobody knows."""
    position = np.linspace(0.0, 1.0, 20 * 4).reshape(20, 4)
    images = {"front": np.zeros((20, 16, 16, 3), np.uint8)}
    episode = Episode(images, position, position + 0.1, "go", 20.0, complete)
    robot, vit = RobotModel.load("metaworld_hand"), ViT(16, [8, 12], 1, 3, 1)
    _, frames, _ = learn_from_states(vit, [episode], [episode], robot, ["front"], 12)
    answers = frames.rows(np.arange(len(frames.images)))["answer"]
    assert frames.images.shape[:2] == (asked, 1) and answers.shape == (asked, 3 * 4)
    nearer, farther = answers[-1, 4:].split(4)
    assert (nearer == farther).all() == complete
