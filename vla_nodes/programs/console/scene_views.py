"""What the policy sees, and what it intends, as small pictures."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from vla_core.bounded_text import bounded_text
from vla_core.console.snapshot import CameraView, IntentShown
from vla_core.errors import VlaError
from vla_core.foresight.change_map import change_maps, overlay
from vla_core.foresight.outlines import outlined
from vla_msgs import msg
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.programs.console.intent_views import IntentViews
from vla_nodes.programs.console.service_calls import ServiceCalls
from vla_nodes.wire import qos, topics
from vla_nodes.wire.conversions import read_intent
from vla_nodes.wire.images import decode_image

#: Largest side of a picture; a terminal shows no more [pixels].
_LARGEST = 96
#: Change maps whose distances give the brightest colour, and the least that it stands for.
_SCALED_BY, _LEAST_CEILING = 40, 0.05
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "middle", "right")


class SceneViews:
    """Takes the newest observation and intent now and then; all between is never read.

    Args:
        node: owns the subscriptions.
        rate_hz: how often pictures are taken [Hz].
        calls: told once why what has come is no picture; asks for the policy.
    """

    def __init__(self, node: BoundedNode, rate_hz: float, calls: ServiceCalls) -> None:
        self._calls = calls
        self._views = IntentViews(node, calls)
        self._period_s = 1.0 / rate_hz
        self._observations = PolledSubscription(
            node, msg.Observation, topics.OBSERVATION, qos.LATEST
        )
        self._intents = PolledSubscription(node, msg.LatentIntent, topics.INTENT, qos.LATEST)
        self._taken_s = 0.0
        self._place = 0
        self._cameras: tuple[str, ...] = ()
        self._pictures: dict[str, np.ndarray] = {}
        self._seen_s = self._foreseen_s = 0.0
        self._maps: dict[str, np.ndarray] = {}
        self._decoded: dict[str, np.ndarray] = {}
        self._outlines: Mapping[str, np.ndarray] = {}
        self._text = ""
        self._lookahead_s: float | None = None
        self._percentiles: deque[float] = deque(maxlen=_SCALED_BY)
        self._overlay: np.ndarray | None = None
        self._problem = ""

    def next_camera(self) -> None:
        """Show another camera."""
        self._place += 1
        self._draw_change()

    def poll(self) -> None:
        """Take what has come, if it is time."""
        now_s = time.monotonic()
        if now_s - self._taken_s < self._period_s:
            return
        self._taken_s = now_s
        observation, intent = self._observations.newest(), self._intents.newest()
        if observation is not None:
            self._observations.boundary.deliver(self._tell_of, self._see, observation, now_s)
        if intent is not None:
            self._intents.boundary.deliver(self._tell_of, self._foresee, intent, now_s)
        if observation is not None or intent is not None:
            self._intents.boundary.deliver(self._draw_change)

    def _tell_of(self, take: Callable[[Any, float], None], message: Any, now_s: float) -> None:
        """Take a message; once, why what has come is no picture."""
        try:
            take(message, now_s)
            self._problem = ""
        except VlaError as error:
            problem = bounded_text(str(error))
            if problem != self._problem:
                self._calls.report(f"no picture: {problem}")
            self._problem = problem

    def camera(self, now_s: float) -> CameraView | None:
        """The chosen camera's picture, with the policy's lines; None before one was heard."""
        if not self._cameras:
            return None
        camera = self._camera
        pixels = outlined(self._pictures[camera], self._outlines.get(camera))
        return CameraView(camera, pixels, now_s - self._seen_s)

    def intent(self, now_s: float) -> IntentShown | None:
        """What is intended; None before that was heard."""
        if self._lookahead_s is None:
            return None
        camera = self._camera
        pixels, caption = self._decoded.get(camera), self._text
        if pixels is None and self._overlay is not None:
            pixels, heat = self._overlay, self._maps[camera]
            most = f"most {place_in_words(heat)}: {heat.max():.2f}"
            caption = f"{most}, dark 0 to bright {self._ceiling:.2f}{'; ' * bool(caption)}{caption}"
        age_s = now_s - min(self._seen_s, self._foreseen_s)
        of = "" if pixels is None else camera
        return IntentShown(of, pixels, caption, self._lookahead_s, age_s)

    @property
    def _camera(self) -> str:
        return self._cameras[self._place % len(self._cameras)]

    @property
    def _ceiling(self) -> float:
        return max(_LEAST_CEILING, *self._percentiles)

    def _see(self, observation: msg.Observation, now_s: float) -> None:
        self._pictures = {
            name: _small(decode_image(image))
            for name, image in zip(observation.camera_names, observation.images, strict=True)
        }
        self._cameras, self._seen_s = tuple(self._pictures), now_s

    def _foresee(self, message: msg.LatentIntent, now_s: float) -> None:
        intent = read_intent(message)
        view = self._views.of(intent)
        if view is None or not self._cameras:
            return
        shown = view.show(intent)
        features = shown.features
        self._maps = {}
        if features is not None and features.cameras:
            maps = change_maps(features.predicted, features.current, len(features.cameras))
            self._maps = dict(zip(features.cameras, maps, strict=True))
            self._percentiles.append(float(np.percentile(maps, 99.5)))
        self._decoded = {name: _small(frames[-1]) for name, frames in shown.pictures.items()}
        self._outlines = shown.outlines
        numbers = (f"{name} {value:.3g}" for name, value in shown.numbers.items())
        self._text = ", ".join((*shown.words, *numbers))
        self._lookahead_s, self._foreseen_s = intent.lookahead_s, now_s

    def _draw_change(self) -> None:
        heat = self._maps.get(self._camera) if self._cameras else None
        if heat is not None:
            heat = overlay(self._pictures[self._camera], heat, self._ceiling)
        self._overlay = heat


def place_in_words(heat: np.ndarray) -> str:
    """Where a change map `(side, side)` is largest, e.g. `upper left`."""
    row, column = np.unravel_index(int(np.argmax(heat)), heat.shape)
    words = (_ROWS[3 * row // heat.shape[0]], _COLUMNS[3 * column // heat.shape[1]])
    return "in the middle" if words == ("middle", "middle") else " ".join(words)


def _small(pixels: np.ndarray) -> np.ndarray:
    """A copy that is no larger than a terminal shows."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _LARGEST / max(height, width))
    size = (round(width * scale), round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels.copy()
