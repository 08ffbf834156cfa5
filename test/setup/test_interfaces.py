"""vla_msgs documents itself, is what the environment holds, and carries what vla_core speaks of."""

import array
import re
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from vla_core.types import ControlMode
from vla_msgs.action import ExecuteInstruction
from vla_msgs.msg import ControlMode as ControlModeMessage
from vla_msgs.msg import LatentIntent, Tensor
from vla_msgs.srv import SetInstruction, SetMode

PACKAGE = Path(__file__).resolve().parents[2] / "vla_msgs"
FILES = sorted(path for kind in ("msg", "srv", "action") for path in (PACKAGE / kind).iterdir())
UNIT = re.compile(r"\[(s|us|rad|rad/s|m|m/s|rad/s\^2|rad/s\^3|steps|pixels)\]")
UNITLESS = {"progress", "path_speed"}


def declarations(path: Path) -> list[tuple[str, str, str]]:
    """`(type, name, comment)` of every field and constant in an interface file."""
    found = []
    for line in path.read_text().splitlines():
        code, _, comment = line.partition("#")
        if code.strip() and code.strip() != "---":
            kind, name = code.split()[:2]  # what may follow is a default
            found.append((kind, name, comment.strip()))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_says_what_it_is_and_every_field_says_what_it_means(path):
    assert path.read_text().startswith("# ")
    assert declarations(path)
    assert [name for _, name, comment in declarations(path) if len(comment.split()) < 3] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_quantity_names_its_unit_and_every_header_its_frame(path):
    for kind, name, comment in declarations(path):
        if kind.startswith("float") and name not in UNITLESS:
            assert UNIT.search(comment), f"{name}: no unit in {comment!r}"
        if kind == "std_msgs/Header":
            assert "stamp:" in comment and "frame_id:" in comment


def test_every_file_is_in_the_build():
    listed = re.findall(
        r"^  ((?:msg|srv|action)/\S+)", (PACKAGE / "CMakeLists.txt").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(str(path.relative_to(PACKAGE)) for path in FILES)


def test_the_modes_are_those_of_vla_core():
    assert {mode.name: mode.value for mode in ControlMode} == {
        name: getattr(ControlModeMessage, name) for name in ControlMode.__members__
    }
    constants = [
        name for kind, name, _ in declarations(PACKAGE / "msg/ControlMode.msg") if "=" in name
    ]
    assert len(constants) == len(ControlMode)


def test_a_tensor_comes_through_the_wire_bit_for_bit():
    features = np.random.default_rng(0).normal(size=(3, 5)).astype("<f2")
    tensor = Tensor(
        name="foresight",
        dtype=features.dtype.name,
        shape=list(features.shape),
        data=array.array("B", features.tobytes()),
    )
    sent = LatentIntent(sequence=2**63 + 1, fingerprint="0f", tensors=[tensor])

    received = deserialize_message(serialize_message(sent), LatentIntent)

    assert received == sent
    (got,) = received.tensors
    restored = np.frombuffer(got.data, got.dtype).reshape(got.shape)
    np.testing.assert_array_equal(restored, features)


def test_services_and_the_action_have_their_parts():
    assert set(SetInstruction.Response.get_fields_and_field_types()) == {"accepted", "id", "reason"}
    assert set(SetMode.Response.get_fields_and_field_types()) == {"accepted", "mode", "reason"}
    assert set(ExecuteInstruction.Goal.get_fields_and_field_types()) == {"text", "time_limit_s"}
