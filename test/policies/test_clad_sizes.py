"""CLaD at the paper's size: its parameters part by part, without making any of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vla_core.paths import training_file
from vla_core.policies.clad.config import CladConfig
from vla_core.policies.clad.model import Clad
from vla_core.policies.clad.sizes import CladSizes

#: LIBERO's robot: seven joints, two fingers; its ten long tasks use about so many words.
LIBERO = {"cameras": 2, "state": 9, "velocities": 9, "vocabulary": tuple(map(str, range(50)))}


def billions(*parts: nn.Module) -> float:
    return sum(p.numel() for part in parts for p in part.parameters()) / 1e9


@pytest.fixture(scope="module")
def paper() -> Clad:
    config = CladConfig.load(training_file("clad_paper"))
    with torch.device("meta"):
        return Clad(CladSizes(**LIBERO, **config.model))


def test_the_parts_have_as_many_parameters_as_the_papers(paper):
    """Section 5.1: VLM 0.1, CLaD 0.33, policy 0.23, in all 0.66 billion."""
    dynamics = billions(paper.dynamics, paper.state_decoder, paper.feature_decoder)
    assert round(billions(paper.vit), 1) == 0.1
    assert round(dynamics, 2) == 0.33
    assert round(billions(paper.conditioning, paper.denoiser), 2) == 0.23
    assert billions(paper) == pytest.approx(0.66, abs=0.02)


def test_it_is_trained_as_the_papers(paper):
    """Section 5.1: 25 thousand steps of 128, then 200 thousand."""
    config = CladConfig.load(training_file("clad_paper"))
    stages = {name: (s.steps, s.batch) for name, s in config.stages.items()}
    assert stages["dynamics"] == (25_000, 128) and stages["policy"] == (200_000, 128)
    assert config.longest_lag == 0 and not config.corrections
    assert config.model["image_size"] == 224 and config.model["grid"] == 1


def test_it_runs_forward_at_that_size(paper):
    sizes = paper.sizes
    with torch.device("meta"):
        features = paper.vit(torch.zeros(1, 2, 224, 224, 3, dtype=torch.uint8))
        words = torch.zeros(1, sizes.max_words, dtype=torch.int64)
        states = torch.zeros(1, 2, sizes.proprioception)
        actions = torch.zeros(1, sizes.horizon, sizes.state)
        shown = torch.ones(1, sizes.horizon, dtype=torch.bool)
        foresight = paper.dynamics(features, features, words, states, actions, shown)
        context = paper.conditioning(features, words, states[:, 0], foresight)
        said = paper.denoiser(actions, torch.zeros(1), context, states[:, 0])
    assert foresight.shape[1:] == (
        sizes.proprioceptive_tokens + sizes.semantic_tokens,
        sizes.width,
    )
    assert said.shape == actions.shape


def test_the_shipped_small_one_learns_from_what_dial_learns_from():
    from vla_core.policies.dial.config import TrainingConfig

    dial = TrainingConfig.load(training_file("dial_tabletop"))
    config = CladConfig.load(training_file("clad_tabletop"))
    for same in ("robot", "seed", "demonstrations", "corrections", "scenes", "held_out", "cameras"):
        assert getattr(config, same) == getattr(dial, same)
    assert all(config.model[key] == dial.model[key] for key in ("image_size", "horizon", "heads"))
