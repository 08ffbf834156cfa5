"""What is seen and told, under the names and in the units of a server."""

from __future__ import annotations

from typing import Any

import numpy as np

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import PolicyError
from vla_core.policies.remote.contract import Layout, Quantity, RemoteContract
from vla_core.robot.model import RobotModel
from vla_core.types import Instruction, Observation


class RequestWriter:
    """Requests of one contract.

    Raises:
        PolicyError: the robot lacks a joint, a hand or a frame that the state speaks of, or a part
            has more or fewer numbers than its offset or scale.
    """

    def __init__(
        self, manifest: PolicyManifest, contract: RemoteContract, robot: RobotModel, source: str
    ) -> None:
        self._contract = contract
        self._parts = []
        for place, part in enumerate(contract.state):
            where = f"{source}: model.state[{place}]"
            converter = ActionConverter(robot, part.what, where)
            for name in ("offset", "scale"):
                if len(got := getattr(part, name)) not in (0, converter.size):
                    raise PolicyError(
                        f"{where}.{name}", f"got {len(got)} numbers, the part has {converter.size}"
                    )
            self._parts.append((part, converter))

    def request(self, seen: Observation, instruction: Instruction) -> dict[str, Any]:
        """Of one moment: pictures uint8, vectors float32, the words."""
        request: dict[str, Any] = {}
        for camera, part in self._contract.images.items():
            picture = seen.images[camera]
            if part.layout is Layout.CHW:
                picture = np.ascontiguousarray(picture.transpose(2, 0, 1))
            request[part.key] = picture
        vectors: dict[str, list[np.ndarray]] = {}
        for part, converter in self._parts:
            told = seen.position if part.of is Quantity.POSITION else seen.velocity
            numbers = converter.from_joints(told[None].astype(np.float64), seen.position)[0]
            numbers = (numbers - (part.offset or 0.0)) / (part.scale or 1.0)
            vectors.setdefault(part.key, []).append(numbers)
        for key, parts in vectors.items():
            request[key] = np.concatenate(parts).astype(np.float32)
        if self._contract.prompt:
            request[self._contract.prompt] = instruction.text
        return request
