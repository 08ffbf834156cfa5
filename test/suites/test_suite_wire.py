"""What goes over the socket of a suite's process, and what its side may be made of."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from test_layering import ROOT, imported

from vla_core.suites.process.environment import SERVER
from vla_core.suites.process.vla_suite_server.wire import pack, unpack

DTYPES = st.sampled_from([np.uint8, np.bool_, np.int64, np.float32, np.float64])


@given(arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
def test_arrays_arrive_as_they_were(array):
    found = unpack(pack({"image": array, "deep": {"rows": [array, 1.5]}, "none": None}))
    for got in (found["image"], found["deep"]["rows"][0]):
        assert got.dtype == array.dtype and got.shape == array.shape
        assert got.tobytes() == array.tobytes() and got.flags.writeable
    assert found["deep"]["rows"][1] == 1.5 and found["none"] is None


def test_a_picture_is_not_made_longer():
    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    assert sum(map(len, pack({"picture": picture}))) < picture.nbytes + 64


@pytest.mark.parametrize("value", [object(), np.array([None]), {1, 2}])
def test_nothing_that_would_need_code_is_sent(value):
    with pytest.raises(TypeError):
        pack({"value": value})


@pytest.mark.parametrize("frames", [[], [b"\xc1"], [b"\x01"], pack({"a": np.zeros(3)})[:1]])
def test_what_is_no_message_is_refused(frames):
    with pytest.raises(ValueError):
        unpack(frames)


def test_the_server_is_made_of_arrays_and_the_socket_alone():
    allowed = {"numpy", "zmq", "msgpack", "vla_suite_server", *sys.stdlib_module_names}
    files = list(SERVER.glob("*.py"))
    assert len(files) > 3
    for file in files:
        assert {name.partition(".")[0] for name in imported(file.read_text())} <= allowed, file


def test_both_sides_have_the_same_socket():
    ours = (ROOT / "requirements.txt").read_text().splitlines()
    theirs = (SERVER / "requirements.txt").read_text().splitlines()
    pinned = [line for line in theirs if not line.startswith("#")]
    assert pinned and set(pinned) <= set(ours)
