"""Are the pictures of the size they should have, neither black nor even nor frozen?"""

from __future__ import annotations

import numpy as np

from vla_core.doctor.contract import Size
from vla_core.doctor.events import Picture
from vla_core.doctor.finding import Findings, Kind
from vla_core.observation.image_check import FaultyPicture, ImageCheck

_KINDS = {
    FaultyPicture.BLACK: Kind.BLACK,
    FaultyPicture.EVEN: Kind.EVEN,
    FaultyPicture.FROZEN: Kind.FROZEN,
}


class Camera:
    """Looks at the pictures of one topic.

    Args:
        sizes: that they may have; empty: that of the first. Once one came, all must have it.
    """

    def __init__(self, sizes: tuple[Size, ...], findings: Findings) -> None:
        self._sizes = sizes
        self._findings = findings
        self._check = ImageCheck()
        self._same_since_ns = 0

    def see(self, picture: Picture, position: np.ndarray | None) -> bool:
        """Look at a picture; whether the camera node would take it.

        Args:
            position: `(n,)` newest joint positions; a repeated picture is frozen if they moved.
        """
        fits = self._check_size(picture)
        fault = self._check.fault(picture.pixels, position)
        if not self._check.repeats:
            self._same_since_ns = picture.log_ns
        if fault is not None:
            frozen = fault.kind is FaultyPicture.FROZEN
            self._findings.add(
                _KINDS[fault.kind],
                picture.topic,
                picture.log_ns,
                fault.text,
                fault.value,
                since_ns=self._same_since_ns if frozen else None,
            )
        return fits and fault is None

    def _check_size(self, picture: Picture) -> bool:
        height, width = picture.pixels.shape[:2]
        size = Size(width, height)
        if not self._sizes or (size in self._sizes and len(self._sizes) > 1):
            self._sizes = (size,)
        elif size not in self._sizes:
            expected = " or ".join(f"{s.width}x{s.height}" for s in dict.fromkeys(self._sizes))
            text = f"{width}x{height} pixels, expected {expected}"
            self._findings.add(Kind.WRONG_SIZE, picture.topic, picture.log_ns, text)
            return False
        return True
