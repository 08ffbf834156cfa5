"""What the policy sees, and where System 2 expects a change in it, as small pictures."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from vla_core.bounded_text import bounded_text
from vla_core.console.snapshot import CameraView, ForesightChange
from vla_core.errors import VlaError
from vla_core.foresight.change_map import change_maps, overlay
from vla_msgs import msg
from vla_nodes.base.boundary import BoundedNode
from vla_nodes.base.polled_subscription import PolledSubscription
from vla_nodes.observe.episode_recorder import CURRENT, FORESIGHT
from vla_nodes.wire import qos, topics
from vla_nodes.wire.images import decode_image
from vla_nodes.wire.tensors import read_tensor

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
        report: told once why what has come is no picture.
    """

    def __init__(self, node: BoundedNode, rate_hz: float, report: Callable[[str], None]) -> None:
        self._report = report
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
        self._maps: np.ndarray | None = None
        self._lookahead_s = 0.0
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
                self._report(f"no picture: {problem}")
            self._problem = problem

    def camera(self, now_s: float) -> CameraView | None:
        """The picture of the chosen camera; None before one was heard."""
        if not self._cameras:
            return None
        return CameraView(self._camera, self._pictures[self._camera], now_s - self._seen_s)

    def change(self, now_s: float) -> ForesightChange | None:
        """Where it changes; None before that was heard."""
        if self._overlay is None:
            return None
        heat = self._maps[self._cameras.index(self._camera)]
        return ForesightChange(
            self._camera,
            self._overlay,
            place_in_words(heat),
            float(heat.max()),
            self._ceiling,
            self._lookahead_s,
            now_s - min(self._seen_s, self._foreseen_s),
        )

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

    def _foresee(self, intent: msg.LatentIntent, now_s: float) -> None:
        tensors = {t.name: t for t in intent.tensors if t.name in (FORESIGHT, CURRENT)}
        if len(tensors) < 2 or not self._cameras:
            return
        foresight, current = (read_tensor(tensors[name]) for name in (FORESIGHT, CURRENT))
        self._maps = change_maps(foresight, current, len(self._cameras))
        self._percentiles.append(float(np.percentile(self._maps, 99.5)))
        self._lookahead_s, self._foreseen_s = intent.lookahead_s, now_s

    def _draw_change(self) -> None:
        if self._maps is not None and len(self._maps) == len(self._cameras):
            heat = self._maps[self._cameras.index(self._camera)]
            self._overlay = overlay(self._pictures[self._camera], heat, self._ceiling)


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
