"""A network gives the same numbers on torch and on ONNX Runtime; what is no network is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from vla_core.errors import PolicyError
from vla_core.inference.session import OnnxSession, TorchSession


class Sum(nn.Module):
    """Two inputs by name, one output."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, left, right):
        return self.linear(left) - right


@pytest.fixture(scope="module")
def sessions(tmp_path_factory) -> tuple[TorchSession, OnnxSession]:
    torch.manual_seed(0)
    module = Sum().eval()
    path = tmp_path_factory.mktemp("session") / "sum.onnx"
    example = (torch.zeros(1, 3), torch.zeros(1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its successor
        torch.onnx.export(module, example, str(path), input_names=["left", "right"], dynamo=False)
    return TorchSession(module, "cpu"), OnnxSession(path)


def test_inputs_go_by_name_and_both_runtimes_agree(sessions):
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(1, 3)), rng.normal(size=(1, 2))
    inputs = {"right": right.astype(np.float32), "left": left.astype(np.float32)}
    outputs = [session.run(**inputs) for session in sessions]
    assert outputs[0].shape == (1, 2) and outputs[0].dtype == np.float32
    assert outputs[0] == pytest.approx(outputs[1], abs=1e-6)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PolicyError) as error:
        OnnxSession(tmp_path / "vit.onnx")
    assert error.value.source == str(tmp_path / "vit.onnx")
    assert error.value.problem == "is missing; train or copy the policy again"


def test_what_is_no_network_is_refused(tmp_path):
    path = tmp_path / "vit.onnx"
    path.write_bytes(b"\x08\x0a nonsense")
    with pytest.raises(PolicyError, match="is not a readable ONNX model"):
        OnnxSession(path)
