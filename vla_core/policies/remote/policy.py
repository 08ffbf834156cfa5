"""System 1 as a client: what is seen and told goes out, a checked chunk comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.answers import chunk_of, intent_of
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.policies.remote.contract import RemoteContract, declared
from vla_core.policies.remote.link import Link
from vla_core.policies.remote.request import RequestWriter
from vla_core.policies.remote.wire import WireError
from vla_core.policies.remote.wires import wire_of
from vla_core.robot.model import RobotModel
from vla_core.types import ActionChunk, CommittedPlan, Context, Instruction, LatentIntent

#: Where one of our own servers puts its contract in its metadata.
OURS = "vla"


def open_remote(manifest: PolicyManifest, source: str) -> RemotePolicy:
    """The policy, connected.

    Args:
        source: folder, for messages.

    Raises:
        ConfigError: the contract cannot be, nobody answers, or the server says something else.
    """
    contract = RemoteContract.of(manifest, source)
    robot = RobotModel.load(manifest.robot)
    writer = RequestWriter(manifest, contract, robot, source)
    size = ActionConverter(robot, manifest.action, source).size
    for name in ("offset", "scale"):
        if len(got := getattr(contract.actions, name)) not in (0, size):
            raise PolicyError(
                f"{source}: model.actions.{name}", f"got {len(got)} numbers, an action has {size}"
            )

    def check(metadata: Mapping[str, Any]) -> None:
        agree(metadata, declared(manifest, contract, size), contract.metadata, source)

    wire = wire_of(contract, source)
    link = Link(wire, check, contract.times)
    try:
        link.open()
    except WireError as error:
        raise PolicyError(f"{source}: model.server", str(error)) from error
    return RemotePolicy(manifest, contract, writer, link, size)


def agree(
    metadata: Mapping[str, Any],
    ours: Mapping[str, Any],
    expected: Mapping[str, Any],
    source: str,
) -> None:
    """Compare what a server says of itself with the contract.

    Args:
        metadata: the server's.
        ours: `declared`; of it whatever the server says, under `vla` or as `action_*`, must agree.
        expected: what the server has to say.

    Raises:
        PolicyError: it says something else; names the key.
    """
    own = metadata.get(OURS) if isinstance(metadata.get(OURS), Mapping) else {}
    said = [(f"{OURS}.{key}", own[key], value) for key, value in ours.items() if key in own]
    said += [
        (key, metadata[key], ours[key])
        for key in ("action_horizon", "action_dim")
        if key in metadata
    ]
    said += [(key, metadata.get(key), value) for key, value in expected.items()]
    for key, got, wanted in said:
        if got != wanted:
            raise PolicyError(
                source, f"metadata {key!r}: the server says {got!r}, the contract {wanted!r}"
            )


class RemotePolicy:
    """A joint policy whose chunks a server computes; it intends nothing that we could show.

    Args:
        manifest: its contract with the robot.
        contract: and with the server.
        writer: of requests.
        link: to the server.
        size: numbers in an action.
    """

    def __init__(
        self,
        manifest: PolicyManifest,
        contract: RemoteContract,
        writer: RequestWriter,
        link: Link,
        size: int,
    ) -> None:
        self.manifest, self.link = manifest, link
        self._writer, self._actions = writer, contract.actions
        self._shape = (manifest.horizon, size)
        self._sequence = 0

    def reset(self, instruction: Instruction | None) -> None:
        """Replies to what was asked before are not executed."""
        self.link.reset()

    def step(
        self,
        context: Context,
        instruction: Instruction,
        rng: np.random.Generator,
        plan: CommittedPlan | None = None,
    ) -> tuple[LatentIntent, ActionChunk]:
        """The server's chunk for what is seen now; `plan` and `rng` do not go over a wire.

        Raises:
            ObservationError: images or joints are not what the manifest declares.
            ChunkError: no reply that may be executed: late, cancelled, malformed, or none.
        """
        started_s = time.perf_counter()
        seen = context.observation
        self.manifest.check_observation(seen)
        targets = self._read(self.link.ask(self._writer.request(seen, instruction)))
        self._sequence += 1
        intent = intent_of(self.manifest, self._sequence, seen, instruction, {})
        compute_s = time.perf_counter() - started_s
        return intent, chunk_of(self.manifest, self._sequence, seen, intent, targets, compute_s)

    def _read(self, reply: Mapping[str, np.ndarray]) -> np.ndarray:
        """`(horizon, size)` actions in the units of the manifest."""
        part = self._actions
        if missing := [key for key in part.keys if key not in reply]:
            raise self.link.refuse("malformed", f"a reply without {missing}: {sorted(reply)}")
        rows = [reply[key] for key in part.keys]
        if any(row.ndim != 2 or row.dtype.kind not in "iuf" for row in rows) or (
            len({len(row) for row in rows}) != 1
            or (len(rows[0]), sum(row.shape[1] for row in rows)) != self._shape
        ):
            got = [f"{row.dtype} {row.shape}" for row in rows]
            raise self.link.refuse("malformed", f"actions {got}, expected {self._shape} in all")
        actions = np.concatenate(rows, axis=1).astype(np.float64)
        if not np.isfinite(actions).all():
            raise self.link.refuse("not finite", "actions that are not finite")
        return actions * (part.scale or 1.0) + (part.offset or 0.0)
