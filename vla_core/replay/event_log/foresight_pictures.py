"""DIAL's figure 12 for every step of System 2, as a recording is gone through."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from vla_core.foresight.change_map import change_maps, cosine_distance, grids, overlay
from vla_core.foresight.feature_colours import FeatureColours
from vla_core.replay.event_log.logged_event import Foreseen, ForesightView
from vla_core.types import LatentIntent

#: Steps with a known future that the colours are made from: the first ones.
_FITTED = 16
#: Height of the pictures [pixels].
_HEIGHT = 180


@dataclass(frozen=True)
class _Step:
    intent: LatentIntent
    pictures: Mapping[str, np.ndarray]
    truth: np.ndarray | None

    def features(self, name: str) -> np.ndarray:
        return np.asarray(self.intent.tensors[name], np.float32)

    @property
    def seen(self) -> np.ndarray:
        """True future features; where the future is unknown, the present ones."""
        return self.features("current") if self.truth is None else self.truth


class ForesightPictures:
    """Keeps the pictures of intents until their future is known, and makes views of both.

    The first steps wait until there are enough to fit the colours, which then stay as they are: a
    file that is written along the way cannot be recoloured. So memory is bounded.
    """

    def __init__(self) -> None:
        self._pictures: deque[Mapping[str, np.ndarray]] = deque()
        self._unfitted: list[_Step] = []
        self._colours: FeatureColours | None = None

    def intended(self, pictures: Mapping[str, np.ndarray]) -> None:
        """An intent with a foresight was formed of these; the policy's cameras in order."""
        small = {camera: _of_height(pixels) for camera, pixels in pictures.items()}
        self._pictures.append(small)

    def came_true(self, intent: LatentIntent, truth: np.ndarray | None) -> Iterator[Foreseen]:
        """The steps that can be shown now; takes intents in the order they were formed."""
        step = _Step(intent, self._pictures.popleft(), truth)
        if self._colours is not None:
            yield self._shown(step)
            return
        self._unfitted.append(step)
        if len(self._unfitted) >= _FITTED:
            yield from self.rest()

    def rest(self) -> Iterator[Foreseen]:
        """The steps that still wait for colours; call it when the episode is over."""
        if not self._unfitted:
            return
        steps, self._unfitted = self._unfitted, []
        known = [step for step in steps if step.truth is not None] or steps
        distances = [
            cosine_distance(features, step.features("current"))
            for step in known
            for features in (step.seen, step.features("foresight"))
        ]
        truth = np.concatenate([step.seen for step in known])
        self._colours = FeatureColours(truth, np.concatenate(distances))
        for step in steps:
            yield self._shown(step)

    def _shown(self, step: _Step) -> Foreseen:
        colours, cameras = self._colours, len(step.pictures)
        current, foresight = step.features("current"), step.features("foresight")
        maps = [change_maps(foresight, current, cameras)]
        features = [colours(grids(values, cameras)) for values in (current, foresight)]
        if step.truth is not None:
            maps.append(change_maps(step.truth, current, cameras))
            features.append(colours(grids(step.truth, cameras)))
        views = []
        for place, (camera, picture) in enumerate(step.pictures.items()):
            now, predicted, *true = (rgb[place] for rgb in features)
            change, *true_change = (overlay(picture, m[place], colours.ceiling) for m in maps)
            view = ForesightView(
                camera, picture, now, predicted, *(true or [None]), change, *(true_change or [None])
            )
            views.append(view)
        intent = step.intent
        return Foreseen(
            intent.observation_stamp_ns, intent.lookahead_s, colours.ceiling, tuple(views)
        )


def _of_height(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    size = (round(width * _HEIGHT / height), _HEIGHT)
    enlarged = height < _HEIGHT
    return cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC if enlarged else cv2.INTER_AREA)
