"""One way to run a network, whichever runtime is behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from vla_core.errors import PolicyError

#: Runtimes that a configuration may name.
BACKENDS = ("torch", "onnx")


class Session(Protocol):
    """A network with named inputs and one output."""

    def run(self, **inputs: np.ndarray) -> np.ndarray:
        """Evaluate the network."""


class OnnxSession:
    """ONNX Runtime; CUDA when its build and the machine have it.

    Args:
        path: of the `.onnx` file.
        threads: of the CPU; one keeps the other cores free for the control loop.

    Raises:
        PolicyError: the file is missing or unreadable.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [p for p in wanted if p in onnxruntime.get_available_providers()]
        if not path.is_file():
            raise PolicyError(str(path), "is missing; train or copy the policy again")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no common base of their own
            raise PolicyError(str(path), f"is not a readable ONNX model ({error})") from error

    def run(self, **inputs: np.ndarray) -> np.ndarray:
        """Evaluate the network."""
        return self._session.run(None, inputs)[0]


class TorchSession:
    """A torch function on numpy arrays; CUDA when there is a GPU.

    On the CPU torch is told to use one thread, in the whole process: the other cores are for the
    control loop.

    Args:
        function: takes tensors by name, returns one tensor.
        device: where its weights lie.
    """

    def __init__(self, function: Callable, device: str) -> None:
        import torch

        if device == "cpu":
            torch.set_num_threads(1)
        self._function = function
        self._device = device

    def run(self, **inputs: np.ndarray) -> np.ndarray:
        """Evaluate the network."""
        import torch

        with torch.inference_mode():
            tensors = {k: torch.from_numpy(v).to(self._device) for k, v in inputs.items()}
            return self._function(**tensors).cpu().numpy()
