"""Demonstrations: what a policy is trained on, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vla_core.errors import ConfigError


@dataclass(frozen=True)
class Episode:
    """One recorded motion at a fixed rate.

    Attributes:
        images: `{camera: (frames, height, width, 3) uint8}`, already at the policy's size.
        position: `(frames, dof)` measured joint positions, canonical order.
        action: `(frames, dof)` joint targets commanded at each frame.
        instruction: what was being done.
        rate_hz: frames a second.
        complete: it ends at rest, so its last frame stands for all that would follow.
        depth: `{camera: (frames, height, width) float32}` as in an `Observation` [m], where it was
            recorded.
        success: `(frames,)` bool, whether the task was done by then; None where nothing tells.
        intrinsics: `{camera: (3, 3)}` as in an `Observation` [pixels], where they were recorded.
    """

    images: Mapping[str, np.ndarray]
    position: np.ndarray
    action: np.ndarray
    instruction: str
    rate_hz: float
    complete: bool = True
    depth: Mapping[str, np.ndarray] = field(default_factory=dict)
    success: np.ndarray | None = None
    intrinsics: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.position)

    def part(self, frames: slice) -> Episode:
        """Some of its frames, cut out of what went before and on."""
        return replace(
            self,
            images={camera: pictures[frames] for camera, pictures in self.images.items()},
            depth={camera: measured[frames] for camera, measured in self.depth.items()},
            position=self.position[frames],
            action=self.action[frames],
            success=None if self.success is None else self.success[frames],
            complete=False,
        )

    def save(self, path: Path) -> None:
        """Write as `.npz`; appears under its name only when whole."""
        part = path.with_suffix(".part")
        known = {} if self.success is None else {"success": self.success}
        with part.open("wb") as file:
            np.savez(
                file,
                position=self.position,
                action=self.action,
                instruction=np.array(self.instruction),
                rate_hz=np.array(self.rate_hz),
                complete=np.array(self.complete),
                **{f"image_{camera}": frames for camera, frames in self.images.items()},
                **{f"depth_{camera}": frames for camera, frames in self.depth.items()},
                **{f"pinhole_{camera}": matrix for camera, matrix in self.intrinsics.items()},
                **known,
            )
        part.rename(path)

    @classmethod
    def load(cls, path: Path) -> Episode:
        """Read what `save` wrote.

        Raises:
            ConfigError: the file is not such an episode.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                images, depth, intrinsics = (
                    {k[len(start) :]: stored[k] for k in stored.files if k.startswith(start)}
                    for start in ("image_", "depth_", "pinhole_")
                )
                return cls(
                    images,
                    stored["position"],
                    stored["action"],
                    str(stored["instruction"]),
                    float(stored["rate_hz"]),
                    bool(stored["complete"]),
                    depth,
                    stored["success"] if "success" in stored.files else None,
                    intrinsics,
                )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(str(path), f"not an episode ({error}); generate it again") from error
