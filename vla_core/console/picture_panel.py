"""Pictures in half blocks: two pixels a character, as large as there is room."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image
from rich.console import Group
from rich.text import Text
from rich_pixels import Pixels
from textual.widgets import Static

from vla_core.console.panels import SOFT, WARN
from vla_core.console.snapshot import PICTURE_SILENT_S, CameraView, IntentShown
from vla_core.console.words import duration

#: Colours in steps of this: fewer different ones to send.
_COLOUR_STEP = 8
_TITLE_ROWS = 2


class PicturePanel(Static):
    """A camera's picture, or what the policy intends; words where there is no picture.

    Args:
        what: words for what it is.
        why_none: why this terminal shows no pictures; empty: it does.
    """

    def __init__(self, what: str, why_none: str, **given: str) -> None:
        super().__init__(**given)
        self._what = what
        self._why_none = why_none
        self._pixels: np.ndarray | None = None
        self._drawn: tuple[object, ...] = ()

    def show(self, view: CameraView | IntentShown | None) -> None:
        """Show a view; draws only what is new."""
        stale = view is not None and view.age_s > PICTURE_SILENT_S
        pixels = None if view is None else view.pixels
        caption = getattr(view, "caption", "")
        drawn = (view is None, caption, duration(view.age_s) if stale else "", self.size)
        if pixels is self._pixels and drawn == self._drawn:
            return
        self._pixels, self._drawn = pixels, drawn
        if view is None:
            self.update(Text(f"{self._what}: none was heard", SOFT), layout=False)
        elif stale:
            gone = f"{self._what}: the last one came {duration(view.age_s)} ago"
            self.update(Text(gone, WARN), layout=False)
        else:
            self.update(Group(self._title(view), self._picture(pixels)), layout=False)

    def _title(self, view: CameraView | IntentShown) -> Text:
        lines = f"{self._what}: {view.camera}" if view.camera else self._what
        if isinstance(view, IntentShown):
            lines += f", {view.lookahead_s:.1f} s ahead\n{view.caption}"
        else:
            lines += "\nas the policy sees it"
        return Text(lines, SOFT)

    def _picture(self, pixels: np.ndarray | None) -> Pixels | Text:
        if pixels is None:
            return Text("")
        if self._why_none:
            return Text(self._why_none, SOFT)
        height, width = pixels.shape[:2]
        columns, rows = self.content_size.width, self.content_size.height - _TITLE_ROWS
        scale = min(columns / width, 2 * rows / height)
        size = (int(width * scale), 2 * int(height * scale / 2))
        if min(size) < 8:
            return Text("no room for a picture", SOFT)
        shrunk = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return Pixels.from_image(Image.fromarray(shrunk // _COLOUR_STEP * _COLOUR_STEP))
