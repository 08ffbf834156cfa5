"""An episode as an MP4: every camera, and beside it what the policy foresees."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vla_core.errors import VlaError
from vla_core.foresight.change_map import overlay
from vla_core.foresight.outlines import outlined
from vla_core.report.episode_record import EpisodeRecord, latest

PANEL, GAP, MARGIN = 300, 16, 32
HEADER, FOOTER = 112, 124
PAPER, INK, SOFT, RULE = "#faf9f6", "#1d2125", "#6a7178", "#d9d6cf"
GOOD, BAD, ACCENT = "#2d6a4f", "#9c3b2e", "#b5651d"


def write_video(record: EpisodeRecord, path: Path, fps: int = 15) -> None:
    """Encode an episode with H.264, at the speed it happened.

    Raises:
        VlaError: nothing was recorded.
    """
    if not record.frames:
        raise VlaError(f"episode {record.number} has no pictures to show")
    painter = _Painter(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    start, end = record.frames[0][0], record.frames[-1][0]
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "23"})
        stream.width, stream.height = painter.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        for index in range(int((end - start) * fps) + fps):  # one second longer, to see the end
            picture = painter.paint(min(start + index / fps, end))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def poster(record: EpisodeRecord) -> np.ndarray:
    """One picture of an episode, half way: `(height, width, 3)` uint8."""
    start, end = record.frames[0][0], record.frames[-1][0]
    return _Painter(record).paint(start + 0.5 * (end - start))


class _Painter:
    """Lays out one frame; what does not change is drawn once."""

    def __init__(self, record: EpisodeRecord) -> None:
        self._record = record
        self._cameras = record.cameras or tuple(record.frames[0][1])
        self._ceiling = _ceiling(record)
        self._each = 2 if record.changes or record.foreseen else 1
        columns = self._each * len(self._cameras)
        width = 2 * MARGIN + columns * PANEL + (columns - 1) * GAP
        self.size = (width, HEADER + PANEL + FOOTER)
        self._background = self._draw_background()

    def paint(self, time_s: float) -> np.ndarray:
        """The frame at `time_s` since the episode's start, `(height, width, 3)` uint8."""
        canvas = self._background.copy()
        pictures = latest(self._record.frames, time_s)
        for place, camera in enumerate(self._cameras):
            picture = _scaled(pictures[camera])
            self._place(canvas, self._each * place, self._outlined(camera, picture, time_s))
            if self._each == 2:
                self._place(canvas, 2 * place + 1, self._foreseen(camera, picture, time_s))
        draw = ImageDraw.Draw(canvas)
        self._draw_time(draw, time_s)
        return np.asarray(canvas)

    def _outlined(self, camera: str, picture: np.ndarray, time_s: float) -> np.ndarray:
        """With the lines that the policy draws over what is seen."""
        outlines = self._record.outlines
        return outlined(picture, latest(outlines, time_s).get(camera)) if outlines else picture

    def _foreseen(self, camera: str, picture: np.ndarray, time_s: float) -> np.ndarray:
        """As the policy decodes it; else where it foresees change."""
        record = self._record
        if record.foreseen:
            decoded = latest(record.foreseen, time_s).get(camera)
            return np.zeros_like(picture) if decoded is None else _scaled(decoded)
        return overlay(picture, latest(record.changes, time_s).get(camera), self._ceiling)

    def _place(self, canvas: Image.Image, column: int, picture: np.ndarray) -> None:
        canvas.paste(Image.fromarray(picture), (self._left(column), HEADER))

    def _left(self, column: int) -> int:
        return MARGIN + column * (PANEL + GAP)

    def _draw_background(self) -> Image.Image:
        record = self._record
        canvas = Image.new("RGB", self.size, PAPER)
        draw = ImageDraw.Draw(canvas)
        beside = self.size[0] > 2 * PANEL  # one camera alone leaves less room
        draw.text((MARGIN, 22), f"“{record.instruction}”", INK, _font(26 if beside else 15))
        verdict = "done" if record.success else "not done"
        text = f"episode {record.number}, {verdict} after {record.duration_s:.1f} s"
        place = (self.size[0] - MARGIN, 28 if beside else 56)
        draw.text(place, text, GOOD if record.success else BAD, _font(18), anchor="ra")
        what = "picture" if record.foreseen else "change"
        for place, camera in enumerate(self._cameras):
            draw.text((self._left(self._each * place), 82), f"{camera} camera", SOFT, _font(15))
            if self._each == 2:
                label = f"{what} foreseen by System 2, {camera}"
                draw.text((self._left(2 * place + 1), 82), label, SOFT, _font(15))
        self._draw_strip(draw)
        return canvas

    def _strip(self) -> tuple[int, int, int, int]:
        top = HEADER + PANEL + 26
        return MARGIN, top, self.size[0] - MARGIN, top + 56

    def _draw_strip(self, draw: ImageDraw.ImageDraw) -> None:
        """Time, and over it the mean foreseen change: how much is still to be done."""
        left, top, right, bottom = self._strip()
        draw.line((left, bottom, right, bottom), RULE, 2)
        record = self._record
        if len(record.changes) < 2:
            return
        end = max(record.frames[-1][0], 1e-6)
        means = np.array([_stacked(maps).mean() for _, maps in record.changes])
        times = np.array([t for t, _ in record.changes])
        x = left + (right - left) * np.clip(times / end, 0, 1)
        y = bottom - (bottom - top - 8) * means / max(means.max(), 1e-6)
        draw.line(list(zip(x, y, strict=True)), ACCENT, 3, joint="curve")
        draw.text((left, bottom + 8), "mean foreseen change over the episode", SOFT, _font(14))
        scale = f"heat map: cosine distance of features, 0 (dark) to {self._ceiling:.2f} (bright)"
        draw.text((right, bottom + 8), scale, SOFT, _font(14), anchor="ra")

    def _draw_time(self, draw: ImageDraw.ImageDraw, time_s: float) -> None:
        left, top, right, bottom = self._strip()
        x = left + (right - left) * min(1.0, time_s / max(self._record.frames[-1][0], 1e-6))
        draw.line((x, top - 10, x, bottom), INK, 2)
        beside = (x - 6, "rs") if x > right - 80 else (x + 6, "ls")
        draw.text((beside[0], top + 2), f"{time_s:.1f} s", INK, _font(14), anchor=beside[1])


def _ceiling(record: EpisodeRecord) -> float:
    """One scale for the whole episode: its 99.5th percentile."""
    if not record.changes:
        return 1.0
    maps = np.stack([_stacked(maps) for _, maps in record.changes])
    return max(0.05, float(np.percentile(maps, 99.5)))


def _stacked(maps: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.stack(list(maps.values()))


def _scaled(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (PANEL, PANEL), interpolation=cv2.INTER_CUBIC)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), size)
