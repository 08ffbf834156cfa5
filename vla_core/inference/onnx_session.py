"""Networks in ONNX Runtime, on the CPU without torch, on a GPU with its tensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vla_core.contract.placement import Placement
from vla_core.errors import PolicyError
from vla_core.inference.session import Session

if TYPE_CHECKING:
    import onnxruntime
    import torch


def onnx_session(path: Path, placement: Placement) -> Session:
    """A network's file on the device that is asked for.

    Raises:
        PolicyError: no such device for ONNX Runtime here, or the file is missing or unreadable.
    """
    import onnxruntime

    device = placement.device
    if device != "cpu" and _CUDA in onnxruntime.get_available_providers():
        from vla_core.inference.torch_session import torch_device

        device = torch_device(placement)  # it lists what it was built for, on any machine
    if device in ("auto", "cpu"):
        return OnnxSession(path, placement.threads)
    return BoundOnnxSession(path, device, placement.threads)


_CUDA = "CUDAExecutionProvider"


class OnnxSession:
    """ONNX Runtime on the CPU, on NumPy's arrays.

    Args:
        path: of the `.onnx` file.
        threads: of the CPU.

    Raises:
        PolicyError: the file is missing or unreadable.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._session = _opened(path, threads, ["CPUExecutionProvider"])

    def put(self, array: np.ndarray) -> np.ndarray:
        """It is there."""
        return array

    def run(self, **inputs: np.ndarray) -> np.ndarray:
        """Evaluate the network."""
        return self._session.run(None, inputs)[0]


class BoundOnnxSession:
    """ONNX Runtime on torch's tensors by IO binding: nothing is copied between device and host.

    Args:
        path, threads: as for `OnnxSession`.
        device: of the tensors: `cuda`, `cuda:1`, or `cpu`.

    Raises:
        PolicyError: the file is missing or unreadable, or ONNX Runtime would take another device.
    """

    def __init__(self, path: Path, device: str, threads: int = 1) -> None:
        import torch

        self._device = torch.device(device)
        self._number = self._device.index or 0
        providers: list = ["CPUExecutionProvider"]
        if self._device.type == "cuda":
            providers.insert(0, (_CUDA, {"device_id": self._number}))
        self._session = _opened(path, threads, providers)
        if len(self._session.get_providers()) < len(providers):  # it goes on without, unasked
            raise PolicyError(
                str(path),
                f"device {device!r}: this ONNX Runtime has no such GPU; "
                "use onnxruntime-gpu, or cpu",
            )
        self._output = self._session.get_outputs()[0]

    def put(self, array: np.ndarray) -> torch.Tensor:
        """To the device."""
        import torch

        return torch.from_numpy(array).to(self._device)

    def run(self, **inputs: torch.Tensor) -> torch.Tensor:
        """Evaluate the network, whose output has one shape, as `torch.onnx.export` traced it."""
        import torch

        binding = self._session.io_binding()
        out = torch.empty(self._output.shape, dtype=torch.float32, device=self._device)
        kept = {name: tensor.contiguous() for name, tensor in inputs.items()}
        for name, tensor in kept.items():
            binding.bind_input(name, *self._place(tensor))
        binding.bind_output(self._output.name, *self._place(out))
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()  # ONNX Runtime has its own
        self._session.run_with_iobinding(binding)
        return out

    def _place(self, tensor: torch.Tensor) -> tuple:
        element = np.dtype(str(tensor.dtype).removeprefix("torch.")).type
        kind = self._device.type
        return kind, self._number, element, tuple(tensor.shape), tensor.data_ptr()


def _opened(path: Path, threads: int, providers: list) -> onnxruntime.InferenceSession:
    import onnxruntime

    if not path.is_file():
        raise PolicyError(str(path), "is missing; train or copy the policy again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors have no common base of their own
        raise PolicyError(str(path), f"is not a readable ONNX model ({error})") from error
