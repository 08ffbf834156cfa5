"""A finished training run, on its way to a policy's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.visuomotor.config import VisuomotorConfig
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.weights import fingerprint
from vla_core.robot.model import RobotModel
from vla_core.training.ship import square_views


@dataclass(frozen=True)
class Trained:
    """Networks, and what they were trained with.

    Attributes:
        config, robot: what was trained, for whom.
        network: with its final weights.
        normalisation: of what it sees and says.
        rate_hz: of the frames that it was trained on; a chunk's targets are as far apart.
        provenance: data, time, seeds and `metrics` by stage, for the model card.
    """

    config: VisuomotorConfig
    robot: RobotModel
    network: nn.Module
    normalisation: Normalisation
    rate_hz: float
    provenance: Mapping[str, Any]

    def manifest(self, **rest: Any) -> PolicyManifest:
        """Of the policy; `rest` is what its kind has besides."""
        sizes = self.network.sizes
        return PolicyManifest(
            name=self.config.name,
            kind=self.config.kind,
            robot=self.config.robot,
            joint_names=self.robot.joint_names,
            observation=square_views(self.config),
            step_s=1.0 / self.rate_hz,
            horizon=sizes.horizon,
            fingerprint=fingerprint(self.network),
            model=asdict(sizes),
            normalisation=self.normalisation.as_lists(),
            provenance=dict(self.provenance),
            **rest,
        )

    @property
    def parameters(self) -> int:
        """How many numbers the networks hold."""
        return sum(p.numel() for p in self.network.parameters())
