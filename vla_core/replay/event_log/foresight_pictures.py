"""What every step of System 2 foresaw, as pictures, as a recording is gone through."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from vla_core.contract.intent_view import ForeseenFeatures, ShownIntent
from vla_core.foresight.change_map import change_maps, cosine_distance, grids, overlay
from vla_core.foresight.feature_colours import FeatureColours
from vla_core.foresight.outlines import outlined
from vla_core.metrics.listener import TrueFuture
from vla_core.replay.event_log.logged_event import Foreseen, ForesightView
from vla_core.types import LatentIntent

#: Steps with a known future that the colours are made from: the first ones.
_FITTED = 16
#: Height of the pictures [pixels].
_HEIGHT = 180


@dataclass(frozen=True)
class _Step:
    """Pictures are small already; `truth` are the features of the future."""

    intent: LatentIntent
    seen: Mapping[str, np.ndarray]
    features: ForeseenFeatures | None
    photos: Mapping[str, Mapping[str, np.ndarray]]
    words: tuple[str, ...]
    truth: np.ndarray | None

    @property
    def known(self) -> np.ndarray:
        """True future features; where the future is unknown, the present ones."""
        return self.features.current if self.truth is None else self.truth


class ForesightPictures:
    """Keeps the pictures of intents until their future is known, and makes views of both.

    The first steps with features wait until there are enough to fit the colours, which then stay as
    they are: a file that is written along the way cannot be recoloured. So memory is bounded.
    """

    def __init__(self) -> None:
        self._pictures: deque[Mapping[str, np.ndarray]] = deque()
        self._unfitted: list[_Step] = []
        self._colours: FeatureColours | None = None

    def intended(self, pictures: Mapping[str, np.ndarray]) -> None:
        """An intent was formed of these; the policy's cameras in order."""
        self._pictures.append({name: _of_height(pixels) for name, pixels in pictures.items()})

    def came_true(
        self, intent: LatentIntent, shown: ShownIntent, future: TrueFuture | None
    ) -> Iterator[Foreseen]:
        """The steps that can be shown now; takes intents in the order they were formed."""
        seen = self._pictures.popleft()
        step = _Step(
            intent,
            seen,
            shown.features,
            _photos(seen, shown, future),
            shown.words,
            None if future is None else future.features,
        )
        if shown.features is None or self._colours is not None:
            yield from self._shown(step)
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
            cosine_distance(features, step.features.current)
            for step in known
            for features in (step.known, step.features.predicted)
        ]
        truth = np.concatenate([step.known for step in known])
        self._colours = FeatureColours(truth, np.concatenate(distances))
        for step in steps:
            yield from self._shown(step)

    def _shown(self, step: _Step) -> Iterator[Foreseen]:
        """Nothing of a policy that shows nothing."""
        of_features = {} if step.features is None else self._of_features(step)
        views = []
        for camera, picture in step.seen.items():
            features, changes = of_features.get(camera, ({}, {}))
            photos = {name: overlay(picture, heat, self._ceiling) for name, heat in changes.items()}
            photos |= step.photos.get(camera, {})
            if features or photos:
                views.append(ForesightView(camera, picture, features, photos))
        if views or step.words:
            intent = step.intent
            yield Foreseen(
                intent.observation_stamp_ns,
                intent.lookahead_s,
                self._ceiling if of_features else 0.0,
                tuple(views),
                step.words,
            )

    @property
    def _ceiling(self) -> float:
        return self._colours.ceiling

    def _of_features(self, step: _Step) -> dict[str, tuple[dict, dict]]:
        """By camera: colours `(side, side, 3)` and change maps `(side, side)`, by name."""
        features, cameras = step.features, step.features.cameras
        if not cameras:
            return {}
        shown = {"current": features.current, "predicted": features.predicted}
        if step.truth is not None:
            shown["true"] = step.truth
        colours = {k: self._colours(grids(v, len(cameras))) for k, v in shown.items()}
        maps = {
            f"{name}_change": change_maps(values, features.current, len(cameras))
            for name, values in shown.items()
            if name != "current"
        }
        return {
            camera: (
                {name: rgb[place] for name, rgb in colours.items()},
                {name: heat[place] for name, heat in maps.items()},
            )
            for place, camera in enumerate(cameras)
        }


def _photos(
    seen: Mapping[str, np.ndarray], shown: ShownIntent, future: TrueFuture | None
) -> dict[str, dict[str, np.ndarray]]:
    """Lines over what was seen, what was decoded, and what came of it, by camera and name."""
    photos = {
        camera: {"predicted_outline": outlined(seen[camera], lines)}
        for camera, lines in shown.outlines.items()
    }
    for camera, frames in shown.pictures.items():
        photos.setdefault(camera, {})["predicted_picture"] = _of_height(frames[-1])
        if future is not None:
            photos[camera]["true_picture"] = _of_height(future.observation.images[camera])
    return photos


def _of_height(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    size = (round(width * _HEIGHT / height), _HEIGHT)
    enlarged = height < _HEIGHT
    return cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC if enlarged else cv2.INTER_AREA)
