"""Where networks run is said in one text; what cannot be is refused, naming what can."""

from __future__ import annotations

import pytest

from vla_core.contract.placement import Backend, Placement, Precision
from vla_core.errors import ConfigError


def test_the_backend_alone_leaves_the_rest_as_usual():
    assert Placement.of("onnx") == Placement(Backend.ONNX, "auto", Precision.FLOAT32, False, 1)
    assert Placement.of("torch") == Placement(Backend.TORCH)


def test_all_of_it_can_be_said():
    text = "torch device=cuda:1 precision=bfloat16 compile=true threads=4"
    assert Placement.of(text) == Placement(Backend.TORCH, "cuda:1", Precision.BFLOAT16, True, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "backend: unknown backend '', there are torch, onnx"),
        ("torch fast", "got 'fast', expected one each of device, precision, compile, threads"),
        ("torch threads=1 threads=2", "got 'threads=2', expected one each"),
        ("torch device=tpu", "device: got 'tpu', expected auto, cpu, cuda or cuda:N"),
        ("torch device=cpu:1", "device: got 'cpu:1'"),
        ("torch precision=int4", "unknown precision 'int4', there are float32, bfloat16, float16"),
        ("torch compile=yes", "compile: got 'yes', expected true or false"),
        ("torch threads=0", "threads: got 0, expected 1 or more"),
        ("torch threads=two", "threads: got 'two', expected a whole number"),
        ("onnx precision=float16", "onnx neither compiles nor changes precision"),
    ],
)
def test_what_cannot_be_is_refused(text, said):
    with pytest.raises(ConfigError) as error:
        Placement.of(text)
    assert said in str(error.value)
