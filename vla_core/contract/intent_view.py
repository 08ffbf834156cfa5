"""How a policy's intent is shown to people: nobody else knows what its tensors are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vla_core.types import LatentIntent


@dataclass(frozen=True)
class ForeseenFeatures:
    """The future and the present in one feature space, place by place.

    Attributes:
        predicted, current: `(places, width)` float32.
        cameras: whose square grids of patches the places are, one after the other; empty: they are
            no places of a picture.
    """

    predicted: np.ndarray
    current: np.ndarray
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShownIntent:
    """What people can be shown of an intent; what a policy does not have is left out.

    Attributes:
        features: shown as heat maps of change and as colours, and compared with the true future.
        pictures: `{camera: (frames, height, width, 3) uint8 RGB}`, decoded, or the nearest that
            were recorded; the last frame is `lookahead_s` ahead.
        outlines: `{camera: (n, 2, 2)}` ends of lines over what was seen, x and y as shares of its
            width and height.
        words: nearest to it, the nearest first.
        numbers: by name.
    """

    features: ForeseenFeatures | None = None
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    outlines: Mapping[str, np.ndarray] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


class IntentView(Protocol):
    """A policy's own; a kind of policy that has none shows nothing (`ShowsNothing`)."""

    def show(self, intent: LatentIntent) -> ShownIntent:
        """What can be shown of it.

        Raises:
            IntentError: its tensors are not this policy's.
        """


class ShowsNothing:
    """The view of a policy whose intents say nothing to people."""

    def show(self, intent: LatentIntent) -> ShownIntent:
        """Nothing."""
        return ShownIntent()
