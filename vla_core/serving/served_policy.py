"""A policy as a server runs it: one request after the other, each session from its beginning."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.protocol import DualSystem
from vla_core.errors import ObservationError, PolicyError
from vla_core.policies.remote.contract import (
    ImagePart,
    Quantity,
    RemoteContract,
    StatePart,
    declared,
)
from vla_core.policies.remote.policy import OURS
from vla_core.robot.model import RobotModel
from vla_core.types import Context, Instruction, Observation

STATE, VELOCITY, PROMPT, IMAGES = "state", "velocity", "prompt", "images."


def offered_contract(manifest: PolicyManifest) -> RemoteContract:
    """Under which names our servers take observations, and give actions."""
    images = {each.name: ImagePart(IMAGES + each.name) for each in manifest.observation.cameras}
    state = (StatePart(STATE), StatePart(VELOCITY, of=Quantity.VELOCITY))
    return RemoteContract("", "", images, state, prompt=PROMPT)


class ServedPolicy:
    """Both systems run for every request; it may be asked from many threads.

    A policy that remembers is reset whenever another session asks, or another instruction is told:
    memories are never mixed, so of such a policy one client at a time has something.

    Args:
        policy: whole.
        seed: of the sampler's noise.

    Attributes:
        manifest: the policy's.
        metadata: what is said to clients: the whole contract.

    Raises:
        PolicyError: it wants to see what does not go over a wire, or its robot is not this one.
    """

    def __init__(self, policy: DualSystem, seed: int = 0) -> None:
        self.manifest = manifest = policy.system1.manifest
        wanted = manifest.observation
        deep = any(camera.geometry or camera.depth for camera in wanted.cameras)
        if wanted.history_s or wanted.executed_steps or deep:
            raise PolicyError(
                f"policy {manifest.name!r}",
                "cannot be served: it wants a history, executed steps, depth or camera poses, "
                "which no wire here carries",
            )
        robot = RobotModel.load(manifest.robot)
        size = ActionConverter(robot, manifest.action, f"policy {manifest.name!r}").size
        told = declared(manifest, offered_contract(manifest), size)
        self.metadata: dict[str, Any] = {
            "policy": manifest.name, OURS: told, "action_horizon": manifest.horizon,
            "action_dim": size,
        }  # fmt: skip
        self._policy = policy
        self._rng = np.random.default_rng(seed)
        self._turn = threading.Lock()
        """Guards what follows, and the policy."""
        self._session: Hashable = None
        self._instruction = Instruction(0, "")
        self._sequence = 0

    def answer(self, session: Hashable, request: Mapping[str, Any]) -> np.ndarray:
        """The `(horizon, action_dim)` actions for a request.

        Args:
            session: who asks; one connection.
            request: by the keys of `offered_contract`.

        Raises:
            ObservationError: something is missing, or has another shape.
            InstructionError: the policy does not know what the prompt says.
        """
        text = request.get(PROMPT)
        if not isinstance(text, str) or not text:
            raise ObservationError(f"got {PROMPT} {text!r}, expected the instruction in words")
        images = {name: _array(request, IMAGES + name) for name in self._cameras}
        position, velocity = (_array(request, key) for key in (STATE, VELOCITY))
        for key, vector in ((STATE, position), (VELOCITY, velocity)):
            if vector.shape != (len(self.manifest.joint_names),) or not np.isfinite(vector).all():
                raise ObservationError(
                    f"{key}: got {vector.shape}, expected {len(self.manifest.joint_names)} finite "
                    "numbers, a joint each"
                )
        with self._turn:
            self._sequence += 1
            seen = Observation(
                time.monotonic_ns(), self._sequence, images, position.astype(float),
                velocity.astype(float),
            )  # fmt: skip
            self.manifest.check_observation(seen)
            self._begin(session, text)
            context = Context(seen)
            intent = self._policy.system2.intend(context, self._instruction)
            return self._policy.system1.act(context, intent, self._rng).targets

    @property
    def _cameras(self) -> list[str]:
        return [camera.name for camera in self.manifest.observation.cameras]

    def reset(self, session: Hashable) -> None:
        """The next request of this session begins anew."""
        with self._turn:
            if session == self._session:
                self._session = None

    def _begin(self, session: Hashable, text: str) -> None:
        if session == self._session and text == self._instruction.text:
            return
        self._session, self._instruction = session, Instruction(self._instruction.id + 1, text)
        for half in (self._policy.system2, self._policy.system1):
            half.reset(self._instruction)


def _array(request: Mapping[str, Any], key: str) -> np.ndarray:
    value = request.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise ObservationError(
            f"{key}: got {type(value).__name__}, expected an array of numbers; there are "
            f"{', '.join(sorted(request))}"
        )
    return value
