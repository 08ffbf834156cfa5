"""Types to messages and back give the same types; what contradicts itself is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("rclpy", reason="no ROS 2 in this Python")
pytest.importorskip("vla_msgs.msg", reason="vla_msgs is not built")

from rclpy.serialization import deserialize_message, serialize_message

from vla_core.errors import ChunkError, JointMismatchError, ObservationError, VlaError
from vla_core.types import (
    ActionChunk,
    ControlMode,
    ExecutionState,
    Instruction,
    LatentIntent,
    Observation,
    Pace,
    TeleopTarget,
)
from vla_msgs import msg
from vla_nodes.wire.byte_buffer import ByteBuffer
from vla_nodes.wire.conversions import (
    chunk_message,
    execution_state_message,
    instruction_message,
    intent_message,
    mode_message,
    read_chunk,
    read_execution_state,
    read_instruction,
    read_intent,
)
from vla_nodes.wire.handover_messages import read_teleop_target, teleop_target_message
from vla_nodes.wire.observation_messages import ObservationWriter, read_observation
from vla_nodes.wire.tensors import TensorError, read_tensor, tensor_message

patient = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))

STAMPS = st.integers(0, 2**31 * 10**9 - 1)
COUNTS = st.integers(0, 2**63)
NUMBERS = st.floats(-1e6, 1e6, width=32)
TEXTS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
JOINTS = ("waist", "left_elbow", "right_elbow")


def over_the_wire(message):
    """Serialised and read again, as a subscriber gets it."""
    return deserialize_message(serialize_message(message), type(message))


@st.composite
def observations(draw) -> Observation:
    shape = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))
    names = draw(st.lists(st.sampled_from(["head", "front", "wrist"]), unique=True, min_size=1))
    deep, placed = (draw(st.lists(st.sampled_from(names), unique=True)) for _ in range(2))
    metres = st.floats(0.125, 100.0, width=32) | st.just(np.nan)
    return Observation(
        draw(STAMPS),
        draw(COUNTS),
        {name: draw(hnp.arrays(np.uint8, shape)) for name in names},
        draw(hnp.arrays(np.float64, len(JOINTS), elements=NUMBERS)),
        draw(hnp.arrays(np.float64, len(JOINTS), elements=NUMBERS)),
        draw(st.floats(0, 1, width=32)),
        {name: draw(hnp.arrays(np.float32, (2, 3), elements=metres)) for name in deep},
        {name: draw(hnp.arrays(np.float64, (3, 3), elements=NUMBERS)) for name in placed},
        {name: draw(hnp.arrays(np.float64, (4, 4), elements=NUMBERS)) for name in placed},
    )


def assert_equal_observations(got: Observation, expected: Observation) -> None:
    assert (got.stamp_ns, got.sequence, got.skew_s) == (
        expected.stamp_ns,
        expected.sequence,
        expected.skew_s,
    )
    assert list(got.images) == list(expected.images)
    for name, image in expected.images.items():
        np.testing.assert_array_equal(got.images[name], image)
    np.testing.assert_array_equal(got.position, expected.position)
    np.testing.assert_array_equal(got.velocity, expected.velocity)
    for part in ("depth", "intrinsics", "camera_poses"):
        values = getattr(expected, part)
        assert list(getattr(got, part)) == list(values)
        for name, array in values.items():
            np.testing.assert_array_equal(getattr(got, part)[name], array)


@patient
@given(st.lists(observations(), min_size=1, max_size=3))
def test_observations_come_back_even_when_the_writer_reuses_its_buffers(sent):
    writer = ObservationWriter(JOINTS, "pelvis", {"head": "head_optical"})
    received = [over_the_wire(writer.write(observation)) for observation in sent]
    for message, observation in zip(received, sent, strict=True):
        assert_equal_observations(read_observation(message, JOINTS), observation)


@patient
@given(
    hnp.arrays(
        st.sampled_from(
            [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.bool_]
        ),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
def test_tensors_of_any_shape_and_number_type_come_back(values):
    got = read_tensor(over_the_wire(tensor_message("t", values)))
    assert got.dtype == values.dtype and got.shape == values.shape
    np.testing.assert_array_equal(got, values)


@patient
@given(
    st.builds(Instruction, st.integers(0, 2**32 - 1), TEXTS),
    hnp.arrays(np.float16, (2, 3)),
    STAMPS,
    COUNTS,
)
def test_intents_come_back(instruction, features, stamp_ns, sequence):
    tensors = {"foresight": features, "mask": np.array([1, 0], np.int8)}
    intent = LatentIntent(sequence, stamp_ns, 7, instruction, 1.5, "abc", tensors, 0.25)
    got = read_intent(over_the_wire(intent_message(intent, stamp_ns + 1)))
    assert (got.sequence, got.observation_stamp_ns, got.observation_sequence) == (
        sequence,
        stamp_ns,
        7,
    )
    assert (got.instruction, got.lookahead_s, got.fingerprint, got.compute_s) == (
        instruction,
        1.5,
        "abc",
        0.25,
    )
    for name, values in tensors.items():
        np.testing.assert_array_equal(got.tensors[name], values)


def test_intents_travel_as_float16():
    intent = LatentIntent(1, 2, 3, Instruction(1, ""), 1.0, "abc", {"f": np.ones(4, np.float32)})
    assert intent_message(intent, 0).tensors[0].dtype == "float16"


@patient
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 9), st.just(3)), elements=NUMBERS), STAMPS)
def test_chunks_come_back(targets, stamp_ns):
    chunk = ActionChunk(4, stamp_ns, 5, 6, stamp_ns // 2, 0.125, JOINTS, targets, 0.5, 0.25)
    got = read_chunk(over_the_wire(chunk_message(chunk, stamp_ns, "dial")))
    np.testing.assert_array_equal(got.targets, targets)
    for field in ("sequence", "observation_stamp_ns", "observation_sequence", "intent_sequence"):
        assert getattr(got, field) == getattr(chunk, field)
    assert (got.intent_stamp_ns, got.step_s, got.joint_names) == (stamp_ns // 2, 0.125, JOINTS)
    assert (got.compute_s, got.path_speed) == (0.5, 0.25)


@patient
@given(hnp.arrays(np.float64, len(JOINTS), elements=NUMBERS), STAMPS, COUNTS, st.booleans(), TEXTS)
def test_targets_of_the_operator_come_back(position, stamp_ns, sequence, held, name):
    target = TeleopTarget(sequence, stamp_ns, stamp_ns // 2, held, JOINTS, position, "vr", name)
    got = read_teleop_target(over_the_wire(teleop_target_message(target, stamp_ns)))
    np.testing.assert_array_equal(got.position, position)
    assert replace(got, position=position) == target


@patient
@given(STAMPS, st.sampled_from(ControlMode), st.integers(-1, 100), st.floats(0, 9, width=32))
def test_execution_states_come_back(stamp_ns, mode, step, delay):
    state = ExecutionState(stamp_ns, mode, 3, step, 9, delay, Pace(0.25, 0.5))
    message = execution_state_message(state, mode_message(mode, "why", stamp_ns))
    assert read_execution_state(over_the_wire(message)) == state


def test_instructions_come_back():
    instruction = Instruction(3, "put the red block on the yellow pad")
    assert read_instruction(over_the_wire(instruction_message(instruction, 9))) == instruction


@pytest.fixture
def message() -> msg.Observation:
    image = np.zeros((4, 5, 3), np.uint8)
    observation = Observation(1, 2, {"head": image}, np.zeros(3), np.zeros(3))
    return over_the_wire(ObservationWriter(JOINTS, "pelvis", {}).write(observation))


def test_an_observation_of_another_robot_is_refused_by_joint(message):
    with pytest.raises(JointMismatchError, match="missing joints gripper; unknown joints waist"):
        read_observation(message, ("gripper", *JOINTS[1:]))


def test_an_observation_in_another_order_is_refused(message):
    with pytest.raises(ObservationError, match="another order"):
        read_observation(message, JOINTS[::-1])


def test_an_observation_with_too_few_positions_is_refused(message):
    message.position = [0.0]
    with pytest.raises(ObservationError, match="got 1 positions and 3 velocities, expected 3"):
        read_observation(message, JOINTS)


def test_an_image_without_a_camera_name_is_refused(message):
    message.camera_names = []
    with pytest.raises(ObservationError, match="1 images for 0 camera names"):
        read_observation(message, JOINTS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"depth_names": ["head"]}, "0 depth images for 1 camera names"),
        ({"placed_names": ["head"]}, "0 numbers of intrinsics for 1 camera names, expected 9 each"),
        (
            {"placed_names": ["head"], "intrinsics": [1.0] * 9},
            "0 numbers of camera_poses for 1 camera names, expected 16 each",
        ),
        ({"camera_poses": [0.0] * 16}, "16 numbers of camera_poses for 0 camera names"),
        (
            {
                "placed_names": ["head"],
                "intrinsics": [1.0] * 8 + [float("nan")],
                "camera_poses": [0.0] * 16,
            },
            "not finite",
        ),
    ],
)
def test_depth_and_geometry_that_contradict_themselves_are_refused(message, wrong, words):
    for name, value in wrong.items():
        setattr(message, name, value)
    with pytest.raises(VlaError, match=words):
        read_observation(message, JOINTS)


def test_missing_velocities_mean_standing_still(message):
    message.velocity = []
    np.testing.assert_array_equal(read_observation(message, JOINTS).velocity, np.zeros(3))


def test_a_tensor_with_too_few_bytes_is_refused_by_name():
    wrong = msg.Tensor(name="foresight", dtype="float16", shape=[2, 3], data=[0] * 11)
    with pytest.raises(TensorError, match="'foresight': got 11 bytes, expected 12"):
        read_tensor(wrong)


@pytest.mark.parametrize("dtype", ["object", "float17", "U8", ""])
def test_a_tensor_that_holds_no_numbers_is_refused(dtype):
    with pytest.raises(TensorError, match="dtype"):
        read_tensor(msg.Tensor(name="t", dtype=dtype, shape=[1], data=[0] * 8))


def test_a_chunk_whose_targets_do_not_fit_is_refused():
    wrong = msg.ActionChunk(sequence=7, horizon=2, joint_names=list(JOINTS), targets=[0.0] * 5)
    with pytest.raises(ChunkError, match="chunk 7: got 5 targets, expected 2 steps x 3 joints"):
        read_chunk(wrong)


def test_a_buffer_is_the_same_memory_until_the_size_changes():
    buffer = ByteBuffer()
    first = buffer.fill(np.arange(6, dtype=np.uint8))
    assert buffer.fill(np.arange(6, dtype=np.uint8)[::-1]) is first
    assert list(first) == [5, 4, 3, 2, 1, 0]
    assert buffer.fill(np.zeros(2, np.uint16)) is not first
