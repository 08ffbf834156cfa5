"""A policy runs where and how it is told: each part of a placement reaches all of its networks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from tiny_dial import TOLD, observation, write_policy

from vla_core.errors import PolicyError
from vla_core.policies.registry import load_system1, load_system2
from vla_core.types import CommittedPlan, Conditioning, Context

HALVES = {load_system2: 2, load_system1: 3}
"""And how many networks each has."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "tiny"
    write_policy(path, seed=1)
    return path


@pytest.mark.parametrize("load", HALVES)
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("torch device=cuda:99", "device: 'cuda:99' is not there, torch sees"),
        pytest.param(
            "onnx device=cuda",
            "vit.onnx: device 'cuda': this ONNX Runtime has no such GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU"),
        ),
    ],
)
def test_a_device_that_is_not_there_is_refused_by_both_halves(folder, load, place, said):
    with pytest.raises(PolicyError, match=said):
        load(folder, place)


def test_both_halves_keep_to_a_lower_precision(folder):
    seen = Context(observation())
    places = ("torch device=cpu", "torch device=cpu precision=bfloat16")
    single, lower = (load_system2(folder, place).intend(seen, TOLD) for place in places)
    foresight = [each.tensors["foresight"].astype(np.float32) for each in (single, lower)]
    assert 0.0 < np.abs(foresight[0] - foresight[1]).max() < 0.1 * np.abs(foresight[0]).max()
    chunks = [
        load_system1(folder, place).act(seen, single, np.random.default_rng(0)).targets
        for place in places
    ]
    assert 1e-4 < np.abs(chunks[0] - chunks[1]).max() < 0.1 * np.ptp(chunks[0])


@pytest.mark.parametrize("load", HALVES)
def test_every_network_of_onnx_runtime_has_the_threads(folder, load):
    """Of which one is the caller's."""
    before = psutil.Process().num_threads()
    half = load(folder, "onnx device=cpu threads=3")
    assert psutil.Process().num_threads() == before + 2 * HALVES[load]
    half.reset(None)


@pytest.mark.parametrize("load", HALVES)
def test_torch_has_the_threads(folder, load):
    before = torch.get_num_threads()
    try:
        load(folder, f"torch device=cpu threads={before + 1}")
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("samples", [1, 3])
def test_what_was_compiled_at_load_is_not_compiled_again(tmp_path, monkeypatch, samples):
    """Inputs are what it was compiled for; that does not depend on what follows in the compiler."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    write_policy(tmp_path, seed=1, prefix_steps=2, forward_steps=2, samples=samples)
    place = "torch device=cpu compile=true"
    system2, system1 = (load(tmp_path, place) for load in HALVES)
    seen = Context(observation())
    ahead = np.tile(seen.observation.position, (4, 1))
    with torch.compiler.set_stance("fail_on_recompile"):
        intent = system2.intend(seen, TOLD)
        system1.act(seen, intent, np.random.default_rng(0))
        for conditioning in Conditioning:
            plan = CommittedPlan(ahead, 2, conditioning)
            chunk = system1.act(seen, intent, np.random.default_rng(0), plan)
            assert np.isfinite(chunk.targets).all()


def test_a_policy_that_cannot_be_compiled_is_refused_when_it_is_loaded(folder):
    from torch._inductor import config

    nowhere = config.patch({"cpp.cxx": ("no-such-compiler",)})
    refused = pytest.raises(PolicyError, match="compile: torch cannot compile the network")
    with nowhere, refused:
        load_system2(folder, "torch device=cpu compile=true")
