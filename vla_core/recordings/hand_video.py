"""Videos of hands of another embodiment: no joints, no commands, only pictures and wrist poses.

DIAL, section 4.1.1: what both embodiments share are the wrists' poses; the state one step later
stands for the action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError
from vla_core.robot.model import RobotModel


@dataclass(frozen=True)
class HandVideo:
    """One video at a fixed rate.

    Attributes:
        images: `{camera: (frames, height, width, 3) uint8}`, already at the policy's size.
        hands: end effectors of the robot in whose places the hands are.
        poses: `(frames, hands, 9)` in the robot's base frame, as `RobotModel.wrist_poses`.
        instruction: what was being done.
        rate_hz: frames a second.
        complete: it ends at rest, so its last frame stands for all that would follow.
    """

    images: Mapping[str, np.ndarray]
    hands: tuple[str, ...]
    poses: np.ndarray
    instruction: str
    rate_hz: float
    complete: bool = True

    def __len__(self) -> int:
        return len(self.poses)

    @classmethod
    def of(cls, episode: Episode, robot: RobotModel, hands: Sequence[str]) -> HandVideo:
        """A robot's episode without its joints and commands, as if it were of another embodiment.

        Args:
            robot: whose episode it is.
            hands: its end effectors that are kept.
        """
        places = [list(robot.end_effectors).index(hand) for hand in hands]
        poses = np.stack([robot.wrist_poses(q).reshape(-1, 9)[places] for q in episode.position])
        return cls(
            episode.images,
            tuple(hands),
            poses.astype(np.float32),
            episode.instruction,
            episode.rate_hz,
            episode.complete,
        )

    def save(self, path: Path) -> None:
        """Write as `.npz`; appears under its name only when whole."""
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(
                file,
                hands=np.array(self.hands),
                poses=self.poses,
                instruction=np.array(self.instruction),
                rate_hz=np.array(self.rate_hz),
                complete=np.array(self.complete),
                **{f"image_{camera}": frames for camera, frames in self.images.items()},
            )
        part.rename(path)

    @classmethod
    def load(cls, path: Path) -> HandVideo:
        """Read what `save` wrote.

        Raises:
            ConfigError: the file is not such a video.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(
                    {k[6:]: stored[k] for k in stored.files if k.startswith("image_")},
                    tuple(str(hand) for hand in stored["hands"]),
                    stored["poses"],
                    str(stored["instruction"]),
                    float(stored["rate_hz"]),
                    bool(stored["complete"]),
                )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                str(path), f"not a video of hands ({error}); HandVideo.save writes them"
            ) from error

    def states(self, robot: RobotModel) -> tuple[np.ndarray, np.ndarray]:
        """State vectors as that robot's, padded, and which of their numbers are known.

        Returns:
            `(frames, state)` float32, 0 where unknown; `(state,)` bool.

        Raises:
            ConfigError: a hand is none of the robot's end effectors.
        """
        ends = list(robot.end_effectors)
        if unknown := sorted(set(self.hands) - set(ends)):
            raise ConfigError(
                "action_free", f"got hands {unknown}, robot {robot.name} has {', '.join(ends)}"
            )
        states = np.zeros((len(self), robot.state_size), np.float32)
        known = np.zeros(robot.state_size, bool)
        for number, hand in enumerate(self.hands):
            first = robot.dof + 9 * ends.index(hand)
            states[:, first : first + 9] = self.poses[:, number]
            known[first : first + 9] = True
        return states, known


def read_videos(
    folder: Path, cameras: Sequence[str], image_size: int, rate_hz: float
) -> list[HandVideo]:
    """All files of a folder.

    Args:
        cameras: that are wanted.
        image_size: side of their pictures [pixels].
        rate_hz: of steps, of which the videos' frames a second are one whole multiple.

    Raises:
        ConfigError: there are none, one has no such pictures of a camera, or not that rate.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise ConfigError(str(folder), "got no videos of hands, expected .npz of HandVideo.save")
    videos = [HandVideo.load(path) for path in paths]
    for path, video in zip(paths, videos, strict=True):
        sizes = {camera: pictures.shape[1:] for camera, pictures in video.images.items()}
        for camera in cameras:
            if (got := sizes.get(camera)) != (expected := (image_size, image_size, 3)):
                raise ConfigError(
                    str(path), f"has pictures {got} of camera {camera}, expected {expected}"
                )
        if video.rate_hz % rate_hz or video.rate_hz != videos[0].rate_hz:
            raise ConfigError(
                str(path),
                f"got {video.rate_hz:g} frames a second, expected one whole multiple of "
                f"{rate_hz:g} for all",
            )
    return videos
