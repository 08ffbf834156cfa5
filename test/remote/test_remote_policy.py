"""Our client and our server on loopback, and contracts that do not agree: refused by name."""

from __future__ import annotations

import copy
import threading
from urllib.request import urlopen

import numpy as np
import pytest
from websockets.sync.server import serve
from wired import DOF, HORIZON, OTHER, TOLD, WAIT_S, moment, save, step, written

from vla_core.errors import ChunkError, ConfigError, ObservationError
from vla_core.policies.registry import load_joint
from vla_core.policies.remote.arrays import packed, unpacked
from vla_core.serving.servers import open_server


def test_a_chunk_comes_over_the_wire(serving, tmp_path):
    policy = load_joint(save(tmp_path / "theirs", written(serving())))
    context = moment()
    intent, chunk = step(policy, context)
    assert policy.manifest.name == "theirs" and chunk.targets.shape == (HORIZON, DOF)
    stays = np.tile(context.observation.position, (HORIZON, 1))
    np.testing.assert_allclose(chunk.targets, stays, atol=1e-6)
    assert chunk.observation_stamp_ns == intent.observation_stamp_ns == 7
    policy.reset(OTHER)
    assert step(policy, told=OTHER)[1].sequence == 2


def test_units_and_normalisation_are_those_of_the_contract(serving, tmp_path):
    says = written(serving())
    says["model"]["state"][0] |= {"offset": [0.5] * DOF, "scale": [2.0] * DOF}
    says["model"]["actions"] = {"offset": [0.5] * DOF, "scale": [2.0] * DOF}
    with pytest.raises(ConfigError, match=r"metadata 'vla\.state'"):
        load_joint(save(tmp_path / "p", says))


class Stranger:
    """An openpi server of nobody here: metadata as told, replies by a function; keeps requests."""

    def __init__(self, metadata, reply) -> None:
        self.metadata, self.reply, self.requests = metadata, reply, []
        self.has_replied = threading.Event()
        self._server = serve(self._session, "127.0.0.1", 0, compression=None, max_size=None)
        self.address = f"127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _session(self, connection) -> None:
        connection.send(packed(self.metadata))
        for data in connection:
            self.requests.append(unpacked(data))
            said = self.reply(self.requests[-1])
            connection.send(said if isinstance(said, str) else packed(said))
            self.has_replied.set()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._thread.join(WAIT_S)


def test_a_stranger_gets_his_names_layout_and_units(tmp_path):
    half = np.full((HORIZON, DOF), 0.5, np.float32)
    with Stranger({}, lambda request: {"actions": half}) as server:
        says = written(server.address)
        says["model"] |= {
            "images": {"front": {"key": "images.cam_high", "layout": "chw"}},
            "state": [
                {"key": "observation/state", "names": ["joint2", "joint1"]},
                {"key": "observation/state", "names": ["gripper"], "offset": [1.0], "scale": [0.5]},
            ],
            "actions": {"scale": [2.0] * DOF, "offset": [1.0] * DOF},
        }
        policy, context = load_joint(save(tmp_path / "p", says)), moment()
        _, chunk = step(policy, context)
    (request,) = server.requests
    seen, joints = context.observation, list(policy.manifest.joint_names)
    assert request["prompt"] == TOLD.text
    np.testing.assert_array_equal(
        request["images"]["cam_high"], seen.images["front"].transpose(2, 0, 1)
    )
    gripper = (seen.position[joints.index("gripper")] - 1.0) / 0.5
    np.testing.assert_allclose(
        request["observation/state"], [seen.position[1], seen.position[0], gripper], rtol=1e-6
    )
    assert (chunk.targets == 2.0).all()


NAN = np.full((HORIZON, DOF), np.nan)
MALFORMED = {
    "too short": ({"actions": np.zeros((HORIZON - 1, DOF))}, "malformed"),
    "too wide": ({"actions": np.zeros((HORIZON, DOF + 1))}, "malformed"),
    "one dimension": ({"actions": np.zeros(DOF)}, "malformed"),
    "nothing": ({}, "malformed"),
    "words": ({"actions": np.full((HORIZON, DOF), "a")}, "malformed"),
    "not finite": ({"actions": NAN}, "not finite"),
    "no message": ([1, 2], "connection lost"),
    "an error": ("Traceback …\nRuntimeError: out of memory", "out of memory"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_cannot_be_executed_is_counted(tmp_path, case):
    said, reason = MALFORMED[case]
    with Stranger({}, lambda request: said) as server:
        policy = load_joint(save(tmp_path / "p", written(server.address)))
        with pytest.raises(ChunkError, match=reason):
            step(policy)
    assert sum(policy.link.counts.values()) == 2  # the connection, and this


def test_a_late_reply_is_not_executed(tmp_path):
    first, second = np.zeros((HORIZON, DOF)), np.ones((HORIZON, DOF))
    goes_on, replies = threading.Event(), [first, second]

    def reply(request):
        assert goes_on.wait(WAIT_S)
        return {"actions": replies.pop(0)}

    with Stranger({}, reply) as server:
        says = written(server.address)
        says["model"]["times"] = {"deadline_s": 0.05}
        policy = load_joint(save(tmp_path / "p", says))
        with pytest.raises(ChunkError, match="late"):
            step(policy)
        goes_on.set()
        policy.link._times = type(policy.link._times)(deadline_s=WAIT_S)
        assert server.has_replied.wait(WAIT_S)
        assert policy.link._wire._socket.ping().wait(WAIT_S)  # what was sent before it is here
        _, chunk = step(policy)
        assert policy.link.counts["late replies thrown away"] == 1
        assert (chunk.targets == 1.0).all()


def test_what_is_shown_is_checked_before_it_goes_out(serving, tmp_path):
    policy = load_joint(save(tmp_path / "p", written(serving())))
    context = moment()
    context.observation.images["front"] = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(ObservationError, match="front"):
        step(policy, context)


MUTATIONS = {
    "wire": ("model.wire", "carrier pigeon", "unknown wire 'carrier pigeon'"),
    "no server": ("model.server", None, "model.server"),
    "unknown key": ("model.colour", "red", r"unknown keys \['colour'\]"),
    "other camera": ("model.images", {"side": {"key": "a"}}, "model.images"),
    "layout": ("model.images.front.layout", "whc", "model.images"),
    "two of a key": ("model.images.front.key", "state", "'state' is given to two things"),
    "image key": ("model.images.front.key", "images.head", r"vla\.images"),
    "image size": ("observation.cameras.0.height", 32, r"vla\.images"),
    "joint": ("model.state.0.names", ["elbow"], "no elbow"),
    "state order": ("model.state.0.names", ["joint2", "joint1"], r"vla\.state"),
    "state reference": ("model.state.0.reference", "chunk_start", "a state is absolute"),
    "state scale": ("model.state.0.scale", [0.0] * DOF, "other than 0"),
    "state size": ("model.state.0.scale", [1.0], r"model\.state\[0\]\.scale"),
    "quantity": ("model.state.0.of", "torque", "model.state"),
    "action scale": ("model.actions", {"scale": [1.0]}, r"model\.actions\.scale"),
    "action key": ("model.actions", {"keys": ["action"]}, r"vla\.actions"),
    "prompt": ("model.prompt", "task", r"vla\.prompt"),
    "horizon": ("horizon", HORIZON + 1, "action_horizon"),
    "step": ("step_s", 0.1, r"vla\.step_s"),
    "relative": ("action", {"reference": "chunk_start"}, r"vla\.action"),
    "no gripper": ("action", {"space": "end_effector"}, "action"),
    "names": ("action", {"names": ["joint1"]}, r"vla\.action"),
    "robot": ("robot", "g1_inspire", "robot|camera|joint"),
    "deadline": ("model.times", {"deadline_s": 0}, "deadline_s"),
    "times": ("model.times", {"patience_s": 1}, "patience_s"),
    "metadata": ("model.metadata", {"checkpoint": 3}, "'checkpoint': the server says None"),
    "history": ("observation.history_s", [0.5], "history_s"),
    "token": ("model.token_variable", "VLA_TEST_NO_SUCH_TOKEN", "is not set"),
    "nobody": ("model.server", "127.0.0.1:1", "model.server"),
}  # fmt: skip


@pytest.mark.parametrize("case", MUTATIONS)
def test_a_contract_that_does_not_fit_is_refused_by_name(serving, tmp_path, case):
    path, value, named = MUTATIONS[case]
    says = copy.deepcopy(written(serving()))
    *places, last = path.split(".")
    at = says
    for place in places:
        at = at[int(place)] if isinstance(at, list) else at[place]
    at[last] = value
    with pytest.raises(ConfigError, match=named):
        load_joint(save(tmp_path / "p", says))


def test_a_server_may_ask_for_a_token_and_tells_anyone_its_health(serving, tmp_path, monkeypatch):
    address = serving(token="secret")
    with urlopen(f"http://{address}/healthz", timeout=WAIT_S) as answer:
        assert answer.read() == b"OK\n"
    says = written(address)
    with pytest.raises(ConfigError, match="401"):
        load_joint(save(tmp_path / "without", says))
    monkeypatch.setenv("TOKEN_OF_TEST", "secret")
    says["model"]["token_variable"] = "TOKEN_OF_TEST"
    step(load_joint(save(tmp_path / "with", says)))


def test_beyond_this_machine_a_token_is_needed():
    with pytest.raises(ConfigError, match="reached from elsewhere"):
        open_server("openpi", None, "0.0.0.0", 0)
