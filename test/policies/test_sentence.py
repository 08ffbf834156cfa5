"""Instructions in free text: what the sentence encoder says, and policies that read by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_backbones import HEADS
from tiny_chunk import SIZES as CHUNK_SIZES
from tiny_chunk import write_chunk
from tiny_dial import SIZES as DIAL_SIZES
from tiny_dial import BACKENDS, TOLD, observation, seeded, write_policy
from tokenizers import Tokenizer

from vla_core.contract.placement import Placement
from vla_core.errors import ConfigError, InstructionError
from vla_core.policies.backbones.catalogue import FOLDER_VARIABLE, SENTENCE
from vla_core.policies.backbones.sentence import LONGEST, SentenceEncoder
from vla_core.policies.dial.losses import EndToEnd
from vla_core.policies.dial.model import Dial
from vla_core.policies.registry import load_joint, load_policy
from vla_core.types import Context, Instruction

FREE = {"language": "sentence", "vocabulary": (), "max_words": 0}
#: In words that no closed vocabulary has, and in its own.
OTHERS = ("Kindly bring the red cube to the yellow mat!", "put the red block on the yellow pad.")


@pytest.fixture
def chunk_folder(tmp_path, tiny_sentence):
    write_chunk(tmp_path / "chunk", 1, replace(CHUNK_SIZES, **FREE))
    return tmp_path / "chunk"


def bert_by_hand(weights: dict[str, torch.Tensor], ids: list[int]) -> torch.Tensor:
    """States `(n, width)` of one sentence after one layer (Devlin et al. 2018)."""

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0)
        return x * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]

    word, place, sentence = (
        weights[f"embeddings.{table}_embeddings.weight"]
        for table in ("word", "position", "token_type")
    )
    x = norm("embeddings", word[ids] + place[: len(ids)] + sentence[0])
    layer = "encoder.layer.0"
    query, key, value = (
        linear(f"{layer}.attention.self.{part}", x).unflatten(-1, (HEADS, -1)).transpose(0, 1)
        for part in ("query", "key", "value")
    )
    share = (query @ key.transpose(1, 2) / query.shape[-1] ** 0.5).softmax(dim=-1)
    mixed = (share @ value).transpose(0, 1).flatten(1)
    x = norm(f"{layer}.attention.output", x + linear(f"{layer}.attention.output.dense", mixed))
    wide = linear(f"{layer}.intermediate.dense", x)
    wide = 0.5 * wide * (1 + torch.erf(wide / 2**0.5))
    return norm(f"{layer}.output", x + linear(f"{layer}.output.dense", wide))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sentence_is_the_mean_of_its_pieces(tiny_sentence, backend):
    """Of their states, at length 1; not cut and not filled up, as the tokenizer's file asks for."""
    pieces = Tokenizer.from_file(str(tiny_sentence / "tokenizer.json"))
    pieces.no_padding()
    pieces.no_truncation()
    weights = load_file(tiny_sentence / "model.safetensors")
    encoder = SentenceEncoder(Placement.of(backend))
    for text in ("go left", " ".join(["put the red block on the yellow pad"] * 3)):
        mean = bert_by_hand(weights, pieces.encode(text).ids).mean(dim=0)
        found = encoder(text)
        assert found[0] == pytest.approx((mean / mean.norm()).numpy(), abs=2e-6)
        assert found.dtype == np.float32 and np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "put " * LONGEST])
def test_no_text_and_too_much_are_refused(tiny_sentence, text):
    with pytest.raises(InstructionError, match=f"some text goes, and at most {LONGEST} pieces"):
        SentenceEncoder(Placement())(text)


def test_both_runtimes_tell_the_chunk_policy_the_same(chunk_folder):
    for text in (TOLD.text, *OTHERS):
        chunks = [
            load_joint(chunk_folder, backend)
            .step(Context(observation()), Instruction(1, text), seeded())[1]
            .targets
            for backend in BACKENDS
        ]
        assert np.abs(chunks[0] - chunks[1]).max() < 1e-6  # rad


def test_another_sentence_gives_another_chunk_and_the_same_one_the_same(chunk_folder):
    policy = load_joint(chunk_folder)
    red, blue, again = (
        policy.step(Context(observation()), Instruction(1, text), seeded())[1].targets
        for text in ("put the red block", "put the blue block", "  put the red block ")
    )
    assert np.abs(red - blue).max() > 1e-6 and np.array_equal(red, again)


def test_dial_foresees_from_free_text_on_both_runtimes(tmp_path, tiny_sentence):
    write_policy(tmp_path, seed=1, **FREE)
    found = []
    for backend in BACKENDS:
        policy = load_policy(tmp_path, backend)
        for text in OTHERS:
            intent = policy.system2.intend(Context(observation()), Instruction(1, text))
            chunk = policy.system1.act(Context(observation()), intent, seeded())
            found.append((intent.tensors["foresight"].astype(float), chunk.targets))
    for (torchs, one), (onnx, two) in zip(found[:2], found[2:], strict=True):
        assert torchs == pytest.approx(onnx, abs=2e-3) and one == pytest.approx(two, abs=1e-4)
    assert not np.array_equal(found[0][0], found[1][0])


def test_in_dial_the_words_table_stays_frozen_and_the_sentences_view_learns():
    for sizes, learns in ((DIAL_SIZES, False), (replace(DIAL_SIZES, **FREE), True)):
        dial = Dial(sizes)
        EndToEnd(dial)
        assert {p.requires_grad for p in dial.system2.text.parameters()} == {learns}
        assert dial.system2.queries.requires_grad and not dial.vit.position.requires_grad


def test_a_policy_that_knows_its_words_alone_still_refuses_others(tmp_path):
    write_chunk(tmp_path, 1)
    with pytest.raises(InstructionError, match="unknown words .*kindly"):
        load_joint(tmp_path).step(Context(observation()), Instruction(1, OTHERS[0]), seeded())


def test_without_the_encoder_it_is_refused_when_it_is_loaded(chunk_folder, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    for backend in BACKENDS:
        with pytest.raises(ConfigError, match="sentence: .*./vla backbone install sentence"):
            load_joint(chunk_folder, backend)


def test_the_card_says_how_it_reads(chunk_folder):
    card = (chunk_folder / "MODEL_CARD.md").read_text()
    assert "instructions in free text, as the sentence encoder understands them" in card
    assert "words:" not in card


# The real one, where it is installed

real = pytest.mark.skipif(
    not SENTENCE.is_whole, reason="not installed: ./vla backbone install sentence"
)
#: Of each instruction other words, none of them the instruction's for its colours and verbs alone.
SAID = {
    "put the red block on the yellow pad": "place the red cube onto the yellow mat",
    "put the green block on the purple pad": "move the green cube over to the purple square",
    "put the blue block on the yellow pad": "set the blue brick down on the yellow tile",
    "open the drawer": "pull the drawer out",
    "close the drawer": "push the drawer shut",
    "press the button": "push the button in",
}


@real
@pytest.mark.parametrize("backend", BACKENDS)
def test_paraphrases_are_nearest_to_what_they_mean(backend):
    encoder = SentenceEncoder(Placement.of(backend))
    known = np.concatenate([encoder(text) for text in SAID])
    others = np.concatenate([encoder(text) for text in SAID.values()])
    assert (others @ known.T).argmax(axis=1).tolist() == list(range(len(SAID)))


@real
def test_both_runtimes_of_the_real_one_agree():
    encoders = [SentenceEncoder(Placement.of(backend)) for backend in BACKENDS]
    for text in SAID:
        assert np.abs(np.subtract(*(encoder(text) for encoder in encoders))).max() < 1e-5
