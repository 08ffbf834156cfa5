"""A network gives the same numbers on every runtime; what is no network is refused."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from vla_core.contract.placement import Backend, Placement, Precision
from vla_core.errors import PolicyError
from vla_core.inference.arrays import fetched
from vla_core.inference.onnx_session import BoundOnnxSession, OnnxSession, onnx_session
from vla_core.inference.session import Session
from vla_core.inference.torch_session import TorchSession, torch_device


class Sum(nn.Module):
    """Two inputs by name, one output."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, left, right):
        return self.linear(left) - right


@pytest.fixture(scope="module")
def module() -> Sum:
    torch.manual_seed(0)
    return Sum().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def file(module, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("session") / "sum.onnx"
    example = (torch.zeros(1, 3), torch.zeros(1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter speaks of its successor
        torch.onnx.export(module, example, str(path), input_names=["left", "right"], dynamo=False)
    return path


@pytest.fixture(scope="module")
def sessions(module, file) -> dict[str, Session]:
    return {
        "torch": TorchSession(module, "cpu", Placement(Backend.TORCH)),
        "onnx": OnnxSession(file),
        "bound": BoundOnnxSession(file, "cpu"),
    }


def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(1, 3)), rng.normal(size=(1, 2))
    return {"right": right.astype(np.float32), "left": left.astype(np.float32)}


def evaluated(session: Session) -> np.ndarray:
    return fetched(session.run(**{key: session.put(value) for key, value in inputs().items()}))


def test_inputs_go_by_name_and_all_runtimes_agree(sessions):
    outputs = {name: evaluated(session) for name, session in sessions.items()}
    for output in outputs.values():
        assert output.shape == (1, 2) and output.dtype == np.float32
        assert output == pytest.approx(outputs["torch"], abs=1e-6)
    assert np.array_equal(outputs["onnx"], outputs["bound"])


def test_a_bound_network_writes_to_a_tensor_of_its_own_each_time(sessions):
    bound, tensors = sessions["bound"], {k: torch.from_numpy(v) for k, v in inputs().items()}
    first = bound.run(**tensors)
    kept = first.clone()
    second = bound.run(**{**tensors, "right": tensors["right"] + 1.0})
    assert torch.equal(first, kept)
    assert second == pytest.approx(first - 1.0, abs=1e-6)


def test_a_bound_network_takes_what_is_no_single_piece_of_memory(sessions):
    tensors = {k: torch.from_numpy(v) for k, v in inputs().items()}
    apart = {key: value.repeat(2, 2)[:1, ::2] for key, value in tensors.items()}
    whole = {key: value.clone() for key, value in apart.items()}
    assert not apart["left"].is_contiguous() or apart["left"].stride() != whole["left"].stride()
    assert torch.equal(sessions["bound"].run(**apart), sessions["bound"].run(**whole))


def test_torch_follows_gradients_only_where_an_input_asks(sessions):
    tensors = {key: torch.from_numpy(value) for key, value in inputs().items()}
    assert not sessions["torch"].run(**tensors).requires_grad
    tensors["left"].requires_grad_()
    assert sessions["torch"].run(**tensors).requires_grad


def test_a_lower_precision_is_near_and_comes_out_single(module, sessions):
    lower = TorchSession(module, "cpu", Placement(Backend.TORCH, precision=Precision.BFLOAT16))
    output = evaluated(lower)
    assert output.dtype == np.float32
    assert output == pytest.approx(evaluated(sessions["torch"]), abs=2e-2)
    assert not np.array_equal(output, evaluated(sessions["torch"]))


def test_torch_keeps_to_the_threads_it_is_given(module):
    before = torch.get_num_threads()
    try:
        TorchSession(module, "cpu", Placement(Backend.TORCH, threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_refused(file):
    with pytest.raises(PolicyError, match="device: 'cuda:99' is not there, torch sees"):
        torch_device(Placement(Backend.TORCH, "cuda:99"))


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="has a GPU"
)
def test_onnx_runtime_without_a_gpu_says_so(file):
    with pytest.raises(PolicyError, match="'cuda': this ONNX Runtime has no GPU"):
        onnx_session(file, Placement(device="cuda"))


def test_on_a_cpu_onnx_runtime_needs_no_torch(file):
    lines = (
        "import sys; from pathlib import Path",
        "from vla_core.contract.placement import Placement",
        "from vla_core.inference.onnx_session import onnx_session",
        f"onnx_session(Path({str(file)!r}), Placement())",
        "import vla_core.policies.dial.runtime",
        "sys.exit('torch' in sys.modules)",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=120)


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
