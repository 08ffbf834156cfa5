"""LingBot-VA at the paper's size: its parameters part by part, without making any of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from vla_core.errors import ConfigError
from vla_core.paths import training_file
from vla_core.policies.lingbot_va.config import LingBotConfig
from vla_core.policies.lingbot_va.places import action_places, frame_places
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.streams import Actions, Frames, Streams
from vla_core.policies.lingbot_va.wan import from_wan


def billions(*parts: nn.Module) -> float:
    return sum(p.numel() for part in parts for p in part.parameters()) / 1e9


@pytest.fixture(scope="module")
def config() -> LingBotConfig:
    return LingBotConfig.load(training_file("lingbot_paper"))


@pytest.fixture(scope="module")
def sizes(config) -> LingBotSizes:
    """Three views, as the paper's: 192 tokens."""
    return LingBotSizes(cameras=3, vocabulary=("put",), **config.model)


@pytest.fixture(scope="module")
def paper(sizes) -> Streams:
    with torch.device("meta"):
        return Streams(sizes)


def test_the_streams_have_as_many_parameters_as_the_papers(paper):
    """Section 4.2: Wan 2.2's 5 billion, "approximately 350M additional", 5.3 in all."""
    assert billions(paper.video, paper.text) == pytest.approx(5.0, abs=0.01)
    assert billions(paper.action) == pytest.approx(0.35, abs=0.01)
    assert round(billions(paper), 1) == 5.3


def test_its_video_stream_takes_wan_2_2s_own_weights(paper, sizes):
    """diffusers' class with Wan 2.2's sizes: every weight has its place, in its shape."""
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

    with torch.device("meta"):
        wan = WanTransformer3DModel(
            num_attention_heads=24, attention_head_dim=128, in_channels=48, out_channels=48,
            ffn_dim=14336, num_layers=30,
        )  # fmt: skip
        found = {name: value.shape for name, value in from_wan(wan.state_dict(), sizes).items()}
    ours = {
        name: value.shape
        for name, value in paper.state_dict().items()
        if not name.startswith("action.") and name != "text.words.weight"
    }
    assert found == ours


def test_it_runs_as_the_papers(config, sizes):
    """Sections 3.3 and 4.2."""
    model = config.model
    assert sizes.frame_tokens == 192 and sizes.frame_steps == 4 and sizes.vae_frames == 4
    assert (model["video_width"], model["action_width"], model["layers"]) == (3072, 768, 30)
    assert (sizes.video_steps, sizes.video_until, sizes.euler_steps) == (3, 0.6, 10)
    assert sizes.video_guidance == 5.0 and sizes.rows == 2
    assert sizes.chunk_frames == sizes.longest_chunk == 4 and config.inverse_weight == 1.0
    stages = {name: (s.steps, s.learning_rate) for name, s in config.stages.items()}
    assert stages["post"] == (3000, 1e-5) and stages["joint"][1] == 1e-4
    of_two = replace(sizes, cameras=2)
    tokens = config.sequence * 2 * of_two.unit_tokens
    assert tokens == pytest.approx(10_000, rel=0.05)


def test_it_runs_forward_at_that_size(paper, sizes):
    with torch.device("meta"):
        now = torch.zeros(1, 1)
        count = sizes.frame_tokens
        words = torch.zeros(1, sizes.max_words, dtype=torch.int64)
        latents = torch.zeros(1, count, sizes.token_numbers)
        frames = Frames(latents, now, frame_places(sizes, now), words)
        actions = torch.zeros(1, sizes.unit_steps, 30)
        moving = Actions(actions, now, action_places(sizes, now))
        seen = torch.zeros(1, 5, sizes.cache_width)
        said = paper(frames, moving, None, seen)
    assert said.video.shape == latents.shape and said.actions.shape == actions.shape
    assert said.cache.shape == (1, count + 16, 2 * 30 * 3072)


def test_the_small_one_learns_from_what_dial_and_clad_learn_from():
    from vla_core.policies.clad.config import CladConfig

    clad = CladConfig.load(training_file("clad_tabletop"))
    config = LingBotConfig.load(training_file("lingbot_tabletop"))
    for same in ("robot", "seed", "demonstrations", "corrections", "held_out", "cameras"):
        assert getattr(config, same) == getattr(clad, same)
    assert config.horizon == clad.horizon and config.image_size == clad.image_size
    assert config.sizes.unit_steps == 4 and config.sizes.frame_tokens == 32
    for start in ("copied", "random"):
        other = LingBotConfig.load(training_file(f"lingbot_tabletop_start_{start}"))
        changed = {k for k, v in vars(config).items() if vars(other)[k] != v}
        assert changed == {"name", "action_start"} and other.action_start == start


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"vae": "large"}, "model.vae: got 'large', expected small or wan"),
        ({"vae_channels": (32, 48, 60)}, "model.vae_channels: .* multiples of 8"),
        ({"vae_moments": 3}, "model.vae_moments: got 3, expected a power of 2"),
        ({"vae": "wan", "vae_channels": ()}, "model.latent_channels: got 8, expected 48"),
        ({"image_size": 100}, "model.image_size: got 100, expected a multiple of 24"),
        ({"heads": 3}, "model.heads: got 3, expected heads of an even width"),
        ({"heads": 32}, "model.heads: got 32"),
        ({"time_width": 63}, "model.time_width"),
        ({"chunk_frames": 5}, "model.chunk_frames: got 5, expected 1 to 4"),
        ({"history": 16}, "model.history: got 16, expected less than the window"),
        ({"predicts": "noise"}, "model.predicts"),
        ({"video_until": 0.0}, "model.video_until: got 0.0, expected above 0 to 1"),
        ({"unsure_from": -1.0}, "model.unsure_from"),
        ({"language": "sentence", "max_words": 0}, "model.text_width: got 64, expected 384"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changed, problem):
    model = LingBotConfig.load(training_file("lingbot_tabletop")).model
    sizes = LingBotSizes(cameras=2, vocabulary=(), **model)
    with pytest.raises(ConfigError, match=problem):
        replace(sizes, **changed)
