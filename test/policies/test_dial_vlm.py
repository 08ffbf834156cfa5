"""A vision-language model as System 2 sees, reads and thinks as transformers' own, and foresees.

Tiny random models of the same classes as Qwen2.5-VL and Qwen3-VL.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_vlm import KINDS, WIDTH, dial_sizes, tiny_vlm, write_vlm

from vla_core.errors import ConfigError, InstructionError
from vla_core.policies.backbones.vlm_prompt import PADDING, TOKENIZER, VlmPrompt
from vla_core.policies.backbones.vlm_sizes import VlmSizes
from vla_core.policies.backbones.vlm_weights import load_vlm
from vla_core.policies.dial.losses import ActionWarmup, EndToEnd, ForesightWarmup
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.visuomotor.weights import fingerprint

#: In a batch, so that one is padded.
TOLD = ("put the red block", "pick up the blue bottle on the yellow pad")
SIDE, CAMERAS, GRID = 32, 2, 4


@pytest.fixture(scope="module", params=KINDS)
def told(request, tmp_path_factory) -> SimpleNamespace:
    """The model itself, and a policy with its weights, shown and told the same."""
    # takes seconds, for which other files of tests need not wait
    from transformers import AutoImageProcessor, AutoModel

    folder = tmp_path_factory.mktemp("vlm") / request.param
    sizes = dial_sizes(write_vlm(folder, request.param))
    vlm = sizes.vlm
    torch.manual_seed(3)
    dial = Dial(sizes)
    load_vlm(vlm, dial.vit, dial.system2.llm, SIDE)
    prompt = VlmPrompt(vlm, CAMERAS, GRID**2, folder / TOKENIZER)
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (2, CAMERAS, SIDE, SIDE, 3), dtype=np.uint8)
    )
    with torch.no_grad():
        features = dial.vit(images)
    return SimpleNamespace(
        whole=AutoModel.from_pretrained(folder).eval(),
        processing=AutoImageProcessor.from_pretrained(folder, backend="pil"),
        words=torch.from_numpy(np.stack([prompt(text) for text in TOLD])),
        dial=dial.eval(), images=images, features=features, folder=folder, vlm=vlm, prompt=prompt,
    )  # fmt: skip


def as_itself(told: SimpleNamespace) -> dict:
    """What transformers gives the whole model for the same pictures and words."""
    pictures = [image.numpy() for image in told.images.flatten(0, 1)]
    shown = told.processing(images=pictures, return_tensors="pt")
    known = told.words != PADDING
    return {
        "pixel_values": shown["pixel_values"],
        "image_grid_thw": shown["image_grid_thw"],
        "input_ids": torch.where(known, told.words, 0),
        "attention_mask": known.long(),
        "mm_token_type_ids": (told.words == told.vlm.picture_token).int(),
    }


def padded(told: SimpleNamespace) -> torch.Tensor:
    return (told.words == PADDING).any(dim=1)


@torch.no_grad()
def test_it_sees_as_the_model_itself(told):
    given = as_itself(told)
    seen = told.whole.get_image_features(given["pixel_values"], given["image_grid_thw"])
    levels = [torch.cat(seen.pooler_output)]
    levels += [torch.cat(level) for level in getattr(seen, "deepstack_features", ())]
    expected = torch.cat(levels, dim=-1)
    assert torch.allclose(told.features.flatten(0, 1), expected, atol=1e-5)
    assert told.features.shape == (2, CAMERAS * GRID**2, told.vlm.levels * WIDTH)


@torch.no_grad()
def test_it_reads_and_thinks_as_the_model_itself_and_the_queries_change_nothing_of_it(told):
    expected = told.whole(**as_itself(told)).last_hidden_state
    tokens = told.dial.system2.tokens(told.features, told.words)
    known = told.words != PADDING
    assert padded(told).any()
    assert torch.allclose(tokens[:, : known.shape[1]][known], expected[known], atol=1e-4)


def test_tokens_stand_where_the_model_itself_puts_them(told):
    from vla_core.policies.backbones.vlm import rotary_positions

    given = as_itself(told)
    expected, _ = told.whole.get_rope_index(
        given["input_ids"], mm_token_type_ids=given["mm_token_type_ids"],
        image_grid_thw=given["image_grid_thw"], attention_mask=given["attention_mask"],
    )  # fmt: skip
    known = told.words != PADDING
    places = rotary_positions(told.words == told.vlm.picture_token, known, GRID)
    assert torch.equal(places[:, known], expected[:, known])


@torch.no_grad()
def test_there_are_as_many_queries_as_tokens_of_the_pictures_and_each_sees_all_before(told):
    system2 = told.dial.system2
    assert len(system2.queries) == told.features.shape[1] == told.dial.sizes.patches
    before = system2(told.features, told.words)
    assert before.shape == told.features.shape
    for changed in (
        system2(told.features.flip(0), told.words) - told.features.flip(0),
        system2(told.features, told.words.flip(0)) - told.features,
    ):
        assert ((changed - before + told.features).abs().amax(dim=-1) > 1e-6).all()


def test_padding_is_not_read(told):
    longer = torch.cat([told.words, told.words.new_full((2, 3), PADDING)], dim=1)
    with torch.no_grad():
        same = [told.dial.system2(told.features, words) for words in (told.words, longer)]
    assert torch.allclose(*same, atol=1e-5)


def test_of_the_model_all_learns_but_eye_and_text(told):
    """Section 3.4, in stage 1 and in stage 2 alike."""
    rng = torch.Generator().manual_seed(1)
    batch = {
        "past": told.features, "current": told.features, "future": told.features.flip(0),
        "words": told.words, "state": torch.randn(2, 47, generator=rng),
        "actions": torch.randn(2, 5, 47, generator=rng),
    }  # fmt: skip
    dial = Dial(told.dial.sizes)
    torch.nn.init.normal_(dial.velocity.out.weight)
    ActionWarmup(dial)  # freezes System 2, stage 2 frees it
    for stage in (ForesightWarmup(Dial(dial.sizes)), EndToEnd(dial)):
        stage(batch, torch.Generator())["loss"].backward()
        for name, parameter in stage.named_parameters():
            still = name.startswith("dial.vit.") or "embed_tokens" in name
            assert (parameter.grad is None) == still, name
            assert still or parameter.grad.abs().sum() > 0, name


def test_image_processing_is_part_of_the_feature_space(told):
    other = asdict(told.vlm) | {"std": (0.5, 0.5, 0.5)}
    changed = Dial(replace(told.dial.sizes, vlm=other))
    changed.load_state_dict(told.dial.state_dict())
    assert fingerprint(changed) != fingerprint(told.dial)


def test_instructions_that_cannot_be_are_refused(told):
    for text, problem in (
        ("", "some text goes"),
        (20 * "red ", "a prompt of 38 tokens beside the pictures'; some text goes, and at most 30"),
        ("put <|image_pad|>", "has the mark of a picture in it"),
    ):
        with pytest.raises(InstructionError, match=problem):
            told.prompt(text)
    with pytest.raises(ConfigError, match="is not a readable tokenizer"):
        VlmPrompt(told.vlm, CAMERAS, GRID**2, told.folder / "config.json")


def test_weights_of_another_make_are_refused(told):
    dial, vlm = told.dial, told.vlm

    def refused(problem: str, **changes) -> None:
        with pytest.raises(ConfigError, match=problem):
            other = replace(vlm, **changes)
            changed = Dial(replace(dial.sizes, vlm=other))
            load_vlm(other, changed.vit, changed.system2.llm, SIDE)

    text = vlm.config["text_config"]
    refused(r"text_config.rope_parameters: got .*2\.0", config={
        **vlm.config, "text_config": text | {"rope_theta": 2.0}
    })  # fmt: skip
    refused("num_hidden_layers: got 2, .* has 3", config={
        **vlm.config, "text_config": text | {"num_hidden_layers": 2}
    })  # fmt: skip
    refused("their image processing makes .* with other numbers", mean=(0.5, 0.5, 0.5))
    refused("cannot be had", weights=str(told.folder / "nowhere"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"image_size": 36}, "got 36 with `vision: vlm`, expected a multiple of 8"),
        ({"system2_layers": 2}, "system2_layers: got 2 with `vlm`, expected 0"),
        ({"language": "sentence"}, "language: got 'sentence' with `vlm`, expected 'vlm'"),
        ({"foresight": "appended"}, "expected 'bottleneck'"),
        ({"vlm": None}, "is missing, with `vision` or `language: vlm`"),
        ({"vlm": {**tiny_vlm("qwen3_vl", ""), "prompt": "{pictures}"}}, "{instruction} once each"),
        ({"vlm": {**tiny_vlm("qwen3_vl", ""), "config": {"model_type": "bert"}}}, "got 'bert'"),
    ],
)
def test_sizes_that_go_not_together_are_refused(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        dial_sizes(**{"vlm": tiny_vlm("qwen2_5_vl", ""), **changes})


def test_sizes_are_read_as_they_are_written():
    sizes = dial_sizes(tiny_vlm("qwen3_vl", "somewhere"))
    assert DialSizes(**asdict(sizes)) == sizes
    assert isinstance(sizes.vlm, VlmSizes) and sizes.vlm.levels == 3


def test_adapters_learn_in_the_place_of_the_model_and_are_merged_into_it(told):
    dial = Dial(told.dial.sizes)
    dial.load_state_dict(told.dial.state_dict())
    dial.system2.adapt(rank=2)
    batch = {"past": told.features, "words": told.words, "future": told.features.flip(0)}
    with torch.no_grad():
        before = told.dial.system2(told.features, told.words)
        assert torch.allclose(dial.system2(told.features, told.words), before, atol=1e-6)

    dial.system2.requires_grad_(True)  # as stage 2 does
    dial.system2.freeze_text()
    stage = ForesightWarmup(dial)
    learns = {name for name, p in stage.named_parameters() if p.requires_grad}
    own = {name for name in learns if "lora_" not in name}
    head = {f"system2.head.{k}.{kind}" for k in (0, 2) for kind in ("weight", "bias")}
    assert own == {"system2.queries"} | head
    assert len(learns) - len(own) == 2 * 3 * 7  # A and B of each matrix of three layers

    optimiser = torch.optim.AdamW([p for p in stage.parameters() if p.requires_grad], lr=0.05)
    for _ in range(2):
        stage(batch, torch.Generator())["loss"].backward()
        optimiser.step()
    with torch.no_grad():
        adapted = dial.system2.eval()(told.features, told.words)
        dial.system2.merge()
        assert dial.state_dict().keys() == told.dial.state_dict().keys()
        assert (adapted - before).abs().max() > 1e-2
        assert torch.allclose(dial.system2(told.features, told.words), adapted, atol=1e-4)
