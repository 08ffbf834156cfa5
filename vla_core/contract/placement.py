"""Where and how a policy's networks run: said once, wherever a policy is loaded."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from vla_core.errors import ConfigError

BACKEND_HELP = (
    "runtime of the networks and where it runs: onnx, or e.g. torch device=cuda precision=bfloat16"
)


class Backend(Enum):
    """Runtimes of networks."""

    TORCH = "torch"
    ONNX = "onnx"


class Precision(Enum):
    """What matrices are multiplied in; weights and sums stay in single precision."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True)
class Placement:
    """Where and how networks run.

    Attributes:
        backend: the runtime.
        device: `cpu`, `cuda` or `cuda:1`; `auto`: the first GPU that the runtime can use, else the
            CPU.
        precision: other than single with torch alone: ONNX files have theirs inside.
        compile: whether torch compiles the networks, when they are loaded.
        threads: of the CPU; one keeps the other cores free for the control loop.
    """

    backend: Backend = Backend.ONNX
    device: str = "auto"
    precision: Precision = Precision.FLOAT32
    compile: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        kind, _, number = self.device.partition(":")
        if kind not in ("auto", "cpu", "cuda") or (number and (kind != "cuda" or not number.isdigit())):
            raise ConfigError("device", f"got {self.device!r}, expected auto, cpu, cuda or cuda:N")
        if self.threads < 1:
            raise ConfigError("threads", f"got {self.threads}, expected 1 or more")
        if self.backend is Backend.ONNX and (self.compile or self.precision is not Precision.FLOAT32):
            raise ConfigError(
                "backend", "onnx neither compiles nor changes precision; leave both out, or use torch"
            )

    @classmethod
    def of(cls, text: str) -> Placement:
        """Read what a command line or a graph says.

        Args:
            text: the backend, then what is not as usual, e.g. `torch device=cuda:1
                precision=bfloat16 compile=true`.

        Raises:
            ConfigError: an unknown backend or key, or a value that cannot be.
        """
        backend, *rest = text.split() or [""]
        given = {"backend": backend}
        for word in rest:
            key, _, value = word.partition("=")
            known = [field.name for field in fields(cls)][1:]
            if key not in known or key in given:
                raise ConfigError("backend", f"got {word!r}, expected one each of {', '.join(known)}")
            given[key] = value
        return cls(**{key: _READ[key](key, value) for key, value in given.items()})


def _member(kind: type[Enum], key: str, text: str) -> Enum:
    if text not in (known := [member.value for member in kind]):
        raise ConfigError(key, f"unknown {key} {text!r}, there are {', '.join(known)}")
    return kind(text)


def _whole(key: str, text: str) -> int:
    if not text.isdigit():
        raise ConfigError(key, f"got {text!r}, expected a whole number")
    return int(text)


def _yes_or_no(key: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigError(key, f"got {text!r}, expected true or false")
    return text == "true"


_READ = {
    "backend": lambda key, text: _member(Backend, key, text),
    "precision": lambda key, text: _member(Precision, key, text),
    "device": lambda key, text: text,
    "compile": _yes_or_no,
    "threads": _whole,
}
