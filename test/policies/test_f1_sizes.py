"""F1 at the paper's size: its parameters expert by expert, without making any of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.f1.config import F1Config
from vla_core.policies.f1.model import F1
from vla_core.policies.f1.sizes import F1Sizes

#: Rows of PaliGemma's vocabulary, padding included.
ROWS = 257_152
#: What a table of them takes at the width of a small expert [billions].
UNREAD = ROWS * 1024 / 1e9
#: LIBERO's robot: seven joints, two fingers.
LIBERO = {"cameras": 2, "state": 9, "vocabulary": tuple(map(str, range(ROWS - 1)))}


def billions(*parts: nn.Module) -> float:
    return sum(p.numel() for part in parts for p in part.parameters()) / 1e9


@pytest.fixture(scope="module")
def config() -> F1Config:
    return F1Config.load(training_file("f1_paper"))


@pytest.fixture(scope="module")
def paper(config) -> F1:
    with torch.device("meta"):
        return F1(F1Sizes(**LIBERO, **config.model))


def test_each_expert_has_as_many_parameters_as_the_papers(paper):
    """PaliGemma 2.92 (SigLIP 0.41, Gemma 2.51); two Gemma experts of 0.31; VAR's tokeniser 0.1.

    The paper's 4.2 holds a vocabulary for each of the two small experts besides, which none reads.
    """
    assert billions(paper.vit) == pytest.approx(0.41, abs=0.04)
    assert round(billions(paper.understanding), 2) == 2.51
    assert round(billions(paper.generation), 2) == 0.32
    assert round(billions(paper.velocity), 2) == 0.32
    assert billions(paper.tokeniser) == pytest.approx(0.1, abs=0.02)
    assert billions(paper) == pytest.approx(3.67, abs=0.05)
    assert billions(paper) + 2 * UNREAD == pytest.approx(4.2, abs=0.05)


def test_it_is_trained_as_the_papers(config):
    """Table 8; section 2.4: 10 scales in stage I, 4 at run time."""
    stages = {name: (s.steps, s.batch, s.learning_rate) for name, s in config.stages.items()}
    assert stages["generation"] == (512_000, 1280, 3e-4)
    assert stages["joint"] == (100_000, 2880, 5e-5)
    assert stages["post"] == (100_000, 128, 5e-5)
    assert config.generation_weight == 0.1 and not config.frozen_generation
    model = config.model
    assert len(model["scales"]) == 10 and model["predicted_scales"] == 4
    assert model["scales"][-1] == 16 and model["image_size"] == 256
    assert model["euler_steps"] == 10 and model["horizon"] == 30


def test_it_runs_forward_at_that_size(paper):
    sizes, quantiser = paper.sizes, paper.tokeniser.quantiser
    with torch.device("meta"):
        features = paper.vit(torch.zeros(1, 2, 256, 256, 3, dtype=torch.uint8))
        words = torch.zeros(1, sizes.max_words, dtype=torch.int64)
        context = paper.understanding(features, words)
        codes = paper.tokeniser.encode(torch.zeros(4, 256, 256, 3, dtype=torch.uint8))
        frames = paper.frames(codes[None])
        logits, cache = paper.generation(quantiser, context, frames, codes[:1], 10)
        said, _ = paper.generation.foresee(quantiser, context, frames, 4)
        actions = torch.zeros(1, sizes.horizon, sizes.state)
        flow = paper.velocity(actions, torch.zeros(1), context, actions[:, 0])
    assert features.shape[1] == 2 * 256 and codes.shape == (4, 680)
    assert logits.shape == (1, 680, 4096) and cache.shape == (1, 256 + 680, 9216)
    assert said.shape == (1, 30) and flow.shape == actions.shape


def test_the_small_one_learns_from_what_dial_and_clad_learn_from():
    from vla_core.policies.clad.config import CladConfig

    clad = CladConfig.load(training_file("clad_tabletop"))
    config = F1Config.load(training_file("f1_tabletop"))
    for same in ("robot", "seed", "demonstrations", "corrections", "scenes", "held_out", "cameras"):
        assert getattr(config, same) == getattr(clad, same)
    for same in ("image_size", "horizon", "vit_stem", "vit_layers"):
        assert config.model[same] == clad.model[same]
    assert len(config.model["scales"]) == 10 and config.model["predicted_scales"] == 4
    assert config.model["euler_steps"] == 10


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"scales": (1, 2, 3)}, "model.scales: got .1, 2, 3., expected sides"),
        ({"scales": (2, 1, 12)}, "model.scales"),
        ({"predicted_scales": 11}, "model.predicted_scales: got 11, expected at most the 10"),
        ({"foresight_steps": 13}, "model.foresight_steps: got 13, expected 1 to the horizon"),
        ({"key_value_heads": 3}, "model.key_value_heads: got 3, expected a divisor of the heads"),
        ({"head_width": 31}, "model.head_width: got 31, expected an even number"),
        ({"past_steps": (1, 2)}, "model.past_steps: .* the longest first"),
        ({"tokeniser_channels": (32, 48, 60)}, "expected multiples of 8"),
        ({"history_side": 13}, "model.history_side: got 13, expected 1 to 12"),
        ({"codes": 2**15}, "model.codes: got 32768"),
        ({"predicts": "noise"}, "model.predicts: got 'noise', expected velocity or action"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changed, problem):
    model = F1Config.load(training_file("f1_tabletop")).model
    sizes = F1Sizes(cameras=2, state=9, vocabulary=(), **model)
    with pytest.raises(ConfigError, match=problem):
        replace(sizes, **changed)
