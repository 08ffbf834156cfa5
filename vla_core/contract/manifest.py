"""`policy.json`: what a policy's weights were trained for, so that nothing else is fed to them.

A policy whose weights are elsewhere has a `policy.yaml` instead, written by a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from vla_core.contract.specification import ActionSpec, ObservationSpec
from vla_core.contract.written_manifest import WRITTEN, read_written
from vla_core.errors import ObservationError, PolicyError
from vla_core.types import Conditioning, Observation


class Systems(Enum):
    """Which processes a policy runs in."""

    APART = "apart"
    """System 2 and System 1 each in a node of their own."""
    JOINT = "joint"
    """Both in one: they share what they compute."""


@dataclass(frozen=True)
class PolicyManifest:
    """Everything that must agree between a policy and the robot it runs on.

    Attributes:
        name: the policy's folder name.
        kind: key in the registry, e.g. `dial`.
        robot: name of the robot description that it was trained on.
        joint_names: canonical order of its joint vectors.
        observation: what it is shown.
        step_s: time between a chunk's targets [s].
        horizon: targets in a chunk.
        systems: which processes it runs in.
        action: what the numbers of its chunks mean; `in_joint_targets` converts them.
        lookahead_s: how far ahead its intent looks [s]; 0: it does not.
        fingerprint: of its feature space (encoder weights and preprocessing); empty: it has none.
        model: sizes of the networks, understood by its kind.
        normalisation: named lists of numbers (means, standard deviations).
        provenance: seeds, data, metrics; for people, not read by code.
        prefix_steps: longest committed prefix that System 1 has been trained to continue
            (`Conditioning.PREFIX`) [steps]; 0: it has not been.
        forward_steps: longest committed prefix that its forward model has been trained on
            (`Conditioning.FORWARD`) [steps]; 0: it has none.
    """

    name: str
    kind: str
    robot: str
    joint_names: tuple[str, ...]
    observation: ObservationSpec
    step_s: float
    horizon: int
    systems: Systems = Systems.APART
    action: ActionSpec = ActionSpec()
    lookahead_s: float = 0.0
    fingerprint: str = ""
    model: dict[str, Any] = field(default_factory=dict)
    normalisation: dict[str, list[float]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    prefix_steps: int = 0
    forward_steps: int = 0

    FILE_NAME = "policy.json"

    def save(self, folder: Path) -> None:
        """Write `policy.json` into the policy's folder."""
        text = json.dumps(asdict(self), indent=1, default=lambda member: member.value)
        (folder / self.FILE_NAME).write_text(text + "\n")

    @classmethod
    def load(cls, folder: Path) -> PolicyManifest:
        """Read a policy's folder.

        Raises:
            PolicyError: no `policy.json` or `policy.yaml`, unreadable, keys missing or unknown, or
                values that cannot be.
        """
        path, raw = _read(folder, cls.FILE_NAME)
        names = {f.name for f in fields(cls)}
        needed = {
            f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
        }
        got = set(raw) if isinstance(raw, dict) else set()
        if not needed <= got <= names:
            raise PolicyError(
                str(path),
                f"missing keys {sorted(needed - got)}, unknown keys {sorted(got - names)}",
            )
        raw["joint_names"] = tuple(raw["joint_names"])
        for key, read in _PARTS.items():
            if key in raw:
                raw[key] = _part(str(path), key, read, raw[key])
        manifest = cls(**raw)
        manifest._check_normalisation(str(path))
        return manifest

    def why_not(self, conditioning: Conditioning | None) -> str:
        """Why the policy cannot take a plan into account in that way; "" if it can."""
        if conditioning is Conditioning.PREFIX and not self.prefix_steps:
            return "has not been trained to continue a committed prefix (training stage `prefix`)"
        if conditioning is Conditioning.FORWARD and not self.forward_steps:
            return "has no forward model (training stage `forward`)"
        return ""

    def _check_normalisation(self, source: str) -> None:
        for key, values in self.normalisation.items():
            array = np.asarray(values, dtype=np.float64)
            if not np.isfinite(array).all() or (key.endswith("std") and (array <= 0).any()):
                raise PolicyError(
                    source, f"normalisation.{key} must be finite, and positive where it is a std"
                )

    def check_observation(self, observation: Observation) -> None:
        """Refuse an observation of another robot or other cameras.

        Raises:
            ObservationError: a camera is missing, has another size, or the joints are too many
                or too few.
        """
        for camera in self.observation.cameras:
            image = observation.images.get(camera.name)
            if image is None:
                raise ObservationError(
                    f"policy {self.name!r} needs camera {camera.name!r}, "
                    f"got {sorted(observation.images)}"
                )
            expected = (camera.height, camera.width, 3)
            if image.shape != expected or image.dtype != np.uint8:
                raise ObservationError(
                    f"camera {camera.name!r}: got {image.dtype} {image.shape}, "
                    f"expected uint8 {expected}"
                )
        if observation.position.shape != (len(self.joint_names),):
            raise ObservationError(
                f"got {observation.position.shape} joint positions, policy {self.name!r} "
                f"expects ({len(self.joint_names)},)"
            )


def _read(folder: Path, trained: str) -> tuple[Path, Any]:
    """The file of a policy's folder, and what it says."""
    path = folder / trained
    if not path.is_file() and (folder / WRITTEN).is_file():
        return folder / WRITTEN, read_written(folder)
    if not path.is_file():
        raise PolicyError(
            str(folder), f"got no {trained}, expected a trained policy's folder, or {WRITTEN}"
        )
    try:
        return path, json.loads(path.read_text())
    except ValueError as error:
        raise PolicyError(str(path), f"is not JSON ({error}); train or copy it again") from error


#: How the parts of the JSON are read.
_PARTS: dict[str, Callable[[Any], Any]] = {
    "observation": ObservationSpec.of,
    "action": ActionSpec.of,
    "systems": Systems,
}


def _part(source: str, key: str, read: Callable[[Any], Any], raw: Any) -> Any:
    try:
        return read(raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PolicyError(source, f"{key}: {error}") from error
