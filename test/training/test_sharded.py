"""Two processes, each with its part of everything (FSDP2), train what one trains; by torchrun.

Here on processors over gloo; on GPUs the same goes over nccl.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sharded_run import Shared, together

_TIMEOUT_S = 600.0
_HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What two processes leave of their trainings."""
    folder = tmp_path_factory.mktemp("sharded")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    sought = [str(_HERE), str(_HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sought),
    }  # fmt: skip
    ran = subprocess.run(
        [*launcher, "--nproc-per-node", "2", str(_HERE / "sharded_run.py"), str(folder)],
        env=environment, timeout=_TIMEOUT_S, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-5000:]
    return folder


def final(folder: Path, name: str) -> dict[str, torch.Tensor]:
    return torch.load(folder / name / "final.pt", weights_only=True)["model"]


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[key].double() - other[key].double()).abs().max()) for key in one)


def test_two_processes_are_one_to_rounding(folder, tmp_path):
    expected = together(tmp_path, "alone", Shared(0, 1), 1)
    metrics = torch.load(folder / "shared/final.pt", weights_only=True)["metrics"]
    assert metrics["foresight"] == pytest.approx(expected["foresight"], rel=1e-5)
    assert apart(final(folder, "shared"), final(tmp_path, "alone")) < 1e-4


def test_in_lower_precision_with_layers_computed_anew_they_end_near_it(folder):
    low = final(folder, "low")
    assert {value.dtype for value in low.values()} == {torch.float32}
    assert 0 < apart(low, final(folder, "shared")) < 0.02


def test_each_keeps_its_part_alone_and_writes_it_alone(folder):
    told = json.loads((folder / "told.json").read_text())
    part, whole = told["matrix"]
    assert 2 * part == whole
    tensors = {"__0_0.distcp", "__1_0.distcp", ".metadata"}
    assert set(told["checkpoint"]) == {*tensors, "process0.pt", "process1.pt"}


def test_killed_and_started_again_they_end_the_same_bit_for_bit(folder):
    resumed, uninterrupted = final(folder, "resumed"), final(folder, "whole")
    assert resumed.keys() == uninterrupted.keys()
    assert all(torch.equal(resumed[key], uninterrupted[key]) for key in resumed)
    assert not list((folder / "resumed").glob("step-*"))
