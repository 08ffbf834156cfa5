"""A network gives the same numbers on every runtime; what is no network is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
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
        "torch": TorchSession(module, "cpu", Placement(Backend.TORCH), tensors()),
        "onnx": OnnxSession(file),
        "bound": BoundOnnxSession(file, "cpu"),
    }


def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(1, 3)), rng.normal(size=(1, 2))
    return {"right": right.astype(np.float32), "left": left.astype(np.float32)}


def tensors() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in inputs().items()}


def evaluated(session: Session) -> np.ndarray:
    return fetched(session.run(**{key: session.put(value) for key, value in inputs().items()}))


def test_inputs_go_by_name_and_all_runtimes_agree(sessions):
    outputs = {name: evaluated(session) for name, session in sessions.items()}
    for output in outputs.values():
        assert output.shape == (1, 2) and output.dtype == np.float32
        assert output == pytest.approx(outputs["torch"], abs=1e-6)
    assert np.array_equal(outputs["onnx"], outputs["bound"])


def test_a_bound_network_writes_to_a_tensor_of_its_own_each_time(sessions):
    bound, told = sessions["bound"], tensors()
    first = bound.run(**told)
    kept = first.clone()
    second = bound.run(**{**told, "right": told["right"] + 1.0})
    assert torch.equal(first, kept)
    assert second == pytest.approx(first - 1.0, abs=1e-6)


def test_a_bound_network_takes_what_is_no_single_piece_of_memory(sessions):
    apart = {key: value.repeat(2, 2)[:1, ::2] for key, value in tensors().items()}
    whole = {key: value.clone() for key, value in apart.items()}
    assert not apart["left"].is_contiguous() or apart["left"].stride() != whole["left"].stride()
    assert torch.equal(sessions["bound"].run(**apart), sessions["bound"].run(**whole))


def test_torch_follows_gradients_only_where_an_input_asks(sessions):
    told = tensors()
    assert not sessions["torch"].run(**told).requires_grad
    told["left"].requires_grad_()
    assert sessions["torch"].run(**told).requires_grad


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
def test_a_lower_precision_is_near_and_comes_out_single(module, sessions, precision):
    lower = TorchSession(module, "cpu", Placement(Backend.TORCH, precision=precision), tensors())
    output = evaluated(lower)
    assert output.dtype == np.float32
    assert output == pytest.approx(evaluated(sessions["torch"]), abs=2e-2)
    assert not np.array_equal(output, evaluated(sessions["torch"]))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_torch_keeps_to_the_threads_it_is_given_whatever_the_device(module, device):
    """In the thread that infers, too."""
    before, seen = torch.get_num_threads(), []
    try:
        TorchSession(module, device, Placement(Backend.TORCH, threads=before + 1), tensors())
        inferring = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        inferring.start()
        inferring.join(60.0)
        assert [torch.get_num_threads(), *seen] == [before + 1] * 2
    finally:
        torch.set_num_threads(before)


def test_onnx_runtime_keeps_to_the_threads_it_is_given(file):
    """Of which one is the caller's."""
    before, kept = psutil.Process().num_threads(), []
    for threads in (1, 4):
        kept.append(onnx_session(file, Placement(device="cpu", threads=threads)))
        kept.append(BoundOnnxSession(file, "cpu", threads))
        assert psutil.Process().num_threads() == before + 2 * (threads - 1)


def test_a_network_is_compiled_when_it_is_loaded_or_refused_then():
    """Where there is no C++ compiler, not in the first inference of a motion."""
    from torch._inductor import config

    nowhere = config.patch({"cpp.cxx": ("no-such-compiler",)})
    refused = pytest.raises(PolicyError, match="compile: torch cannot compile the network")
    with nowhere, refused:
        TorchSession(
            lambda left, right: left.cos().sum() - right.sin(),
            "cpu",
            Placement(Backend.TORCH, compile=True),
            tensors(),
        )


def test_a_device_that_is_not_there_is_refused(file):
    with pytest.raises(PolicyError, match="device: 'cuda:99' is not there, torch sees"):
        torch_device(Placement(Backend.TORCH, "cuda:99"))


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="has a GPU"
)
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_onnx_runtime_without_a_gpu_says_so(file, device):
    """It would go on, on the CPU."""
    with pytest.raises(PolicyError, match=f"'{device}': this ONNX Runtime has no such GPU"):
        onnx_session(file, Placement(device=device))


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_onnx_runtime_built_for_a_gpu_takes_the_cpu_where_there_is_none(file, monkeypatch):
    """What it lists is what it was built for."""
    listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)
    assert isinstance(onnx_session(file, Placement()), OnnxSession)
    with pytest.raises(PolicyError, match="device: 'cuda' is not there, torch sees 0 GPUs"):
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
