"""Places by spatial softmax, against the sum written out; they are learned with the policy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_chunk import KEYPOINTS, random_chunk

from vla_core.policies.blocks.keypoints import Keypoints, spatial_softmax
from vla_core.policies.blocks.words import InstructionShape
from vla_core.policies.chunk.losses import Cloning

BATCH = 3
SHAPE = InstructionShape(KEYPOINTS.max_words, 0, 8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    side, sizes = KEYPOINTS.image_size, KEYPOINTS
    shape = (BATCH, sizes.cameras, side, side, 3)
    return {
        "current": torch.randint(0, 256, shape, generator=seeded(1), dtype=torch.uint8),
        "words": torch.randint(0, 8, (BATCH, sizes.max_words), generator=seeded(2)),
        "state": torch.randn(BATCH, sizes.state, generator=seeded(3)),
        "actions": torch.randn(BATCH, sizes.horizon, sizes.state, generator=seeded(4)),
    }


def test_a_place_is_the_mean_of_all_weighed_by_the_softmax():
    heat = 3.0 * torch.randn(2, 3, 4, 6, generator=seeded())
    places = spatial_softmax(heat)
    assert places.shape == (2, 3, 2)
    for n, k in np.ndindex(2, 3):
        shares = np.exp(heat[n, k].double().numpy())
        x = y = 0.0
        for row, column in np.ndindex(4, 6):
            x += shares[row, column] * (2 * (column + 0.5) / 6 - 1)
            y += shares[row, column] * (2 * (row + 0.5) / 4 - 1)
        expected = np.array([x, y]) / shares.sum()
        assert places[n, k].numpy() == pytest.approx(expected, abs=1e-6)


def test_one_hot_map_says_where_x_to_the_right_and_y_down():
    heat = torch.zeros(1, 1, 4, 4)
    heat[0, 0, 0, 3] = 100.0
    assert spatial_softmax(heat)[0, 0].tolist() == pytest.approx([0.75, -0.75])


def looks_for_light(encoder: Keypoints) -> Keypoints:
    """The same in every camera, whatever is told: the brighter a patch, the hotter its map."""
    with torch.no_grad():
        for view in encoder.views:
            for layer in (view.told.affine, view.block):
                layer.weight.zero_()
                layer.bias.zero_()
            view.stem.weight.fill_(1.0)
            view.stem.bias.fill_(view.stem.weight[0].numel())  # black is 0
            view.maps.weight.fill_(1.0)
    return encoder


def test_a_place_follows_what_it_looks_at_in_its_own_camera():
    images = torch.zeros(1, 2, 32, 32, 3, dtype=torch.uint8)
    images[:, :, 8:16, 8:16] = 255
    images[:, 1] = images[:, 1].roll((0, 8), (1, 2))
    words = torch.ones(1, KEYPOINTS.max_words, dtype=torch.int64)
    places = looks_for_light(Keypoints(8, 1, SHAPE, 2))(images, words)[0]
    for place, expected in zip(places.tolist(), [(-0.25, -0.25), (0.25, -0.25)], strict=True):
        assert place == pytest.approx(expected, abs=1e-3)


def test_the_instruction_decides_where_it_looks(batch):
    model = random_chunk(1, KEYPOINTS)
    places = model.vit(batch["current"], batch["words"])
    assert places.shape == (BATCH, KEYPOINTS.cameras * KEYPOINTS.keypoints, 2)
    assert places.abs().max() < 1.0
    others = model.vit(batch["current"], (batch["words"] + 1) % 8)
    assert (places - others).abs().max() > 1e-4


def test_the_policys_loss_teaches_the_encoder(batch):
    """Every weight of it; each step against the gradient lowers the loss."""
    model = random_chunk(1, KEYPOINTS)
    cloning = Cloning(model)
    loss = cloning(batch, seeded(5))["loss"]
    loss.backward()
    gradients = {name: p.grad for name, p in model.vit.named_parameters()}
    assert all(g is not None and g.abs().max() > 0 for g in gradients.values()), gradients
    with torch.no_grad():
        for parameter in model.vit.parameters():
            parameter.sub_(0.05 * parameter.grad)
    assert cloning(batch, seeded(5))["loss"] < loss
