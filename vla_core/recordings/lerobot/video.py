"""Frames of a video file: when they are, and chosen ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from vla_core.errors import ConfigError


def frame_times_s(path: Path) -> np.ndarray:
    """When each frame is shown, in this order, on the file's own clock [s]; nothing is decoded.

    Raises:
        ConfigError: no such file, or no video.
    """
    with _opened(path) as (container, stream):
        shown = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        return np.sort(np.array(shown, np.int64)) * float(stream.time_base)


def iterate_frames(path: Path, times_s: np.ndarray, tolerance_s: float) -> Iterator[np.ndarray]:
    """Decode the frames shown at given times, one after the other.

    Args:
        path: of the video.
        times_s: `(n,)` ascending, on the file's own clock [s].
        tolerance_s: how far a frame's time may lie from the asked one [s].

    Yields:
        `(height, width, 3)` uint8 RGB, n times.

    Raises:
        ConfigError: no such file, no video, a frame is missing, or it ends too early.
    """
    found = 0
    last_s = None
    with _opened(path) as (container, stream):
        begin_s = max(0.0, times_s[0] - tolerance_s)
        container.seek(int(begin_s / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            last_s = frame.time
            wanted_s = times_s[found]
            if last_s < wanted_s - tolerance_s:
                continue
            if last_s > wanted_s + tolerance_s:
                raise ConfigError(str(path), f"has no frame at {wanted_s:.3f} s")
            yield frame.to_ndarray(format="rgb24")
            found += 1
            if found == len(times_s):
                return
    raise ConfigError(
        str(path),
        f"ends at {last_s or 0.0:.3f} s, the table goes on to {times_s[-1]:.3f} s: "
        f"{len(times_s) - found} of {len(times_s)} frames are missing",
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file and its first video."""
    if not path.is_file():
        raise ConfigError(str(path), "is missing; copy the data set again, videos included")
    try:
        with av.open(str(path)) as container:
            yield container, container.streams.video[0]
    except (av.FFmpegError, IndexError) as error:
        raise ConfigError(
            str(path), f"is no readable video ({error}); a Git LFS pointer must be fetched first"
        ) from error
