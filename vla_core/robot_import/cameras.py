"""Cameras of a description: its optical frames, or links that are called so."""

from __future__ import annotations

import re

_CAMERA = re.compile(r"camera|realsense|zed_|oak_", re.IGNORECASE)
_OTHER = re.compile(r"depth|infra|_ir|imu|gyro|accel|confidence", re.IGNORECASE)
_OPTICAL = re.compile(r"optical", re.IGNORECASE)


def find_cameras(links: list[str]) -> dict[str, str]:
    """Frame by the camera's name; optical frames where there are any."""
    optical = [link for link in links if _OPTICAL.search(link) and not _OTHER.search(link)]
    chosen = optical or [n for n in links if _CAMERA.search(n) and not _OTHER.search(n)]
    found: dict[str, str] = {}
    for link in chosen:
        name = re.sub(r"_?(color|rgb|optical|frame|link|sensor)", "", link, flags=re.IGNORECASE)
        found.setdefault(re.sub(r"\W", "_", name).strip("_").lower() or "camera", link)
    return found
