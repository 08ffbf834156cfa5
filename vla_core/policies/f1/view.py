"""F1's intent as people see it: the picture that is foreseen (figure 9)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vla_core.contract.intent_view import ForeseenFeatures, ShownIntent
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.inference.arrays import fetched
from vla_core.inference.networks import open_networks
from vla_core.policies.f1.intent import CURRENT, FEATURES
from vla_core.policies.f1.networks import PICTURE
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.visuomotor.intent import tensor_of
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.types import LatentIntent


class F1View:
    """The decoded foresight, and its features beside the present's; needs the decoder alone.

    Args:
        folder, manifest: of the policy.
        placement: where the decoder runs.

    Raises:
        PolicyError: sizes, weights or a placement that cannot be.
    """

    def __init__(self, folder: Path, manifest: PolicyManifest, placement: Placement) -> None:
        sizes = sizes_of(F1Sizes, folder, manifest)
        self._camera = manifest.observation.cameras[0].name
        self._shape = sizes.scales[-1] ** 2, sizes.code_width
        self._decoder = None
        if sizes.foresees:

            def load() -> tuple:
                from vla_core.policies.f1.weights import example_inputs, load_f1

                model = load_f1(folder, manifest)
                return model, example_inputs(model, prefix=manifest.prefix_steps > 0)

            self._decoder = open_networks(folder, placement, (PICTURE,), load)[PICTURE]

    def show(self, intent: LatentIntent) -> ShownIntent:
        """Picture and features of the foreseen camera; nothing where nothing is foreseen."""
        if self._decoder is None:
            return ShownIntent()
        predicted, current = (tensor_of(intent, name, self._shape) for name in (FEATURES, CURRENT))
        features = self._decoder.put(predicted[None])
        picture = fetched(self._decoder.run(features=features))
        return ShownIntent(
            ForeseenFeatures(predicted, current, (self._camera,)),
            {self._camera: np.rint(picture).astype(np.uint8)},
        )
