"""What goes over the wire, and under which names: `model` of a remote policy's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any

import numpy as np

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import ActionSpace, ActionSpec, Reference
from vla_core.errors import PolicyError


class Layout(Enum):
    """How a picture lies in memory."""

    HWC = "hwc"
    CHW = "chw"


class Quantity(Enum):
    """What of the joints is told."""

    POSITION = "position"
    VELOCITY = "velocity"


def check_scale(scale: tuple[float, ...]) -> None:
    """Raises ValueError for one that cannot be divided by."""
    if not np.isfinite(scale).all() or 0.0 in scale:
        raise ValueError(f"scale: got {list(scale)}, expected numbers other than 0")


@dataclass(frozen=True)
class ImagePart:
    """A camera's picture, uint8 RGB, in the size that the manifest gives it."""

    key: str
    layout: Layout = Layout.HWC


@dataclass(frozen=True)
class StatePart:
    """Numbers of the robot's state; parts of one key follow each other in one vector.

    Attributes:
        key: on the wire.
        what: joints, or hands as an absolute action would say where they are.
        of: positions, or (of joints) velocities.
        offset, scale: the wire's number is (ours - offset) / scale; empty: ours.
    """

    key: str
    what: ActionSpec = ActionSpec()
    of: Quantity = Quantity.POSITION
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.what.reference is not Reference.ABSOLUTE:
            raise ValueError("reference: a state is absolute")
        if self.of is Quantity.VELOCITY and self.what.space is not ActionSpace.JOINT:
            raise ValueError("of: velocities are of joints alone")
        check_scale(self.scale)

    @classmethod
    def of_raw(cls, raw: Mapping[str, Any]) -> StatePart:
        """From YAML: the keys of an `ActionSpec` beside its own."""
        own = {name: raw[name] for name in ("key", "offset", "scale") if name in raw}
        rest = {name: value for name, value in raw.items() if name not in (*own, "of")}
        told = {**own, **{name: tuple(own[name]) for name in ("offset", "scale") if name in own}}
        return cls(what=ActionSpec.of(rest), of=Quantity(raw.get("of", "position")), **told)


@dataclass(frozen=True)
class ActionPart:
    """Where the actions are in a reply: their keys' numbers beside each other.

    Attributes:
        keys: of arrays `(horizon, numbers)`; an empty one: the reply itself.
        offset, scale: our number is the wire's * scale + offset; empty: the wire's.
    """

    keys: tuple[str, ...] = ("actions",)
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_scale(self.scale)
        if not self.keys:
            raise ValueError("keys: got none, expected where the actions are")

    @classmethod
    def of_raw(cls, raw: Mapping[str, Any]) -> ActionPart:
        """From YAML."""
        return cls(**{name: tuple(value) for name, value in raw.items()})


@dataclass(frozen=True)
class Times:
    """How long is waited for a server [s].

    Attributes:
        deadline_s: for a reply; one that comes later is never executed.
        connect_s: for a connection and what the server says of itself.
        lost_s: for a reply that is late already, before the connection is given up.
    """

    deadline_s: float = 0.5
    connect_s: float = 5.0
    lost_s: float = 60.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0.0 < value < np.inf:
                raise ValueError(f"{name}: got {value}, expected seconds, above 0")


@dataclass(frozen=True)
class RemoteContract:
    """Everything that must agree between us and a server.

    Attributes:
        wire: name of a protocol (`wires.WIRES`).
        server: its address.
        images: by the robot's camera.
        state: its vectors.
        actions: where they are in a reply.
        prompt: key of the instruction; empty: it is not told.
        metadata: what the server has to say of itself, beside what is compared anyway.
        times: how long is waited.
        token_variable: environment variable that holds the token; empty: none is shown.
    """

    wire: str
    server: str
    images: Mapping[str, ImagePart]
    state: tuple[StatePart, ...]
    actions: ActionPart = ActionPart()
    prompt: str = "prompt"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    times: Times = Times()
    token_variable: str = ""

    @classmethod
    def of(cls, manifest: PolicyManifest, source: str) -> RemoteContract:
        """Read a manifest's `model`.

        Raises:
            PolicyError: keys missing or unknown, values that cannot be, or cameras that are not the
                manifest's; names the key.
        """
        raw, known = dict(manifest.model), {f.name for f in fields(cls)}
        if unknown := sorted(set(raw) - known):
            raise PolicyError(f"{source}: model", f"unknown keys {unknown}, known: {sorted(known)}")
        if missing := sorted({"wire", "server", "images", "state"} - set(raw)):
            raise PolicyError(f"{source}: model", f"missing keys {missing}")
        read = {
            "images": lambda value: {name: _image(each) for name, each in value.items()},
            "state": lambda value: tuple(StatePart.of_raw(each) for each in value),
            "actions": ActionPart.of_raw,
            "metadata": dict,
            "times": lambda value: Times(**{name: float(each) for name, each in value.items()}),
        }
        for key, value in raw.items():
            try:
                raw[key] = read.get(key, _word)(value)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise PolicyError(f"{source}: model.{key}", str(error)) from error
        contract = cls(**raw)
        _check_keys(manifest, contract, source)
        return contract


def declared(manifest: PolicyManifest, contract: RemoteContract, size: int) -> dict[str, Any]:
    """A contract in words and numbers, as a server says it and a client compares it.

    Args:
        size: numbers in an action.
    """
    sides = {camera.name: camera for camera in manifest.observation.cameras}
    images = {
        part.key: [sides[name].height, sides[name].width, part.layout.value]
        for name, part in contract.images.items()
    }
    return {
        "robot": manifest.robot,
        "joint_names": list(manifest.joint_names),
        "images": images,
        "state": [_plain(asdict(part)) for part in contract.state],
        "prompt": contract.prompt,
        "actions": _plain(asdict(contract.actions)),
        "action": _plain(asdict(manifest.action)),
        "action_horizon": manifest.horizon,
        "action_dim": size,
        "step_s": manifest.step_s,
    }


def _plain(value: Any) -> Any:
    """As msgpack and JSON carry it."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def _image(raw: Mapping[str, Any]) -> ImagePart:
    return ImagePart(**{**raw, "layout": Layout(raw.get("layout", "hwc"))})


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"got {value!r}, expected a word")
    return value


def _check_keys(manifest: PolicyManifest, contract: RemoteContract, source: str) -> None:
    seen = [camera.name for camera in manifest.observation.cameras]
    if sorted(contract.images) != sorted(seen):
        raise PolicyError(
            f"{source}: model.images",
            f"got {sorted(contract.images)}, observation.cameras has {sorted(seen)}",
        )
    pictures = [part.key for part in contract.images.values()]
    states = list(dict.fromkeys(part.key for part in contract.state))
    keys = [*pictures, *states, *([contract.prompt] if contract.prompt else [])]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise PolicyError(f"{source}: model", f"key {twice[0]!r} is given to two things")
    if manifest.observation.history_s or manifest.observation.executed_steps:
        raise PolicyError(
            f"{source}: observation", "history_s and executed_steps do not go over a wire"
        )
