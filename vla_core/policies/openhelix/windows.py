"""Training windows with places in space: of patches, by depth, and of hands, by kinematics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vla_core.contract.action_conversion import ActionConverter
from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError
from vla_core.policies.blocks.vit import ViT
from vla_core.policies.openhelix.hands import ACTION, HandScaling, grips_of
from vla_core.policies.openhelix.lifting import lifted, with_hands
from vla_core.policies.openhelix.sizes import OpenHelixSizes
from vla_core.policies.visuomotor.windows import Windows
from vla_core.robot.camera_poses import CameraPoses
from vla_core.robot.model import RobotModel
from vla_core.training.window_index import padded, padding

#: A hand that is told to be closed further than this is closed: a^g = 1.
CLOSED = 0.5


@dataclass(frozen=True, kw_only=True)
class PlacedWindows(Windows):
    """Windows whose patches have places, and whose targets are hands'.

    Attributes:
        places: `(frames, patches, 3)` float32 in the base frame [m], NaN where nothing was
            measured.
        hands, told_hands: `(frames, hands * 10)` float32, measured and commanded, as `ACTION` says.
    """

    places: np.ndarray
    hands: np.ndarray
    told_hands: np.ndarray

    @classmethod
    def build(
        cls,
        episodes: Sequence[Episode],
        vit: ViT,
        robot: RobotModel,
        cameras: Sequence[str],
        sizes: OpenHelixSizes,
        *rest: Any,
    ) -> PlacedWindows:
        """As `Windows.build`, whose `rest` this is.

        Raises:
            ConfigError: an episode lacks a camera's depth or intrinsics.
        """
        base = Windows.build(episodes, vit, robot, cameras, sizes, *rest)
        converter = ActionConverter(robot, ACTION, "openhelix")
        places, hands, told = [], [], []
        for episode in episodes:
            extra = padding(episode, sizes.horizon * base.stride)
            seen = places_of(episode, robot, cameras, vit.grid)
            places.append(padded(seen, extra))
            hands.append(padded(_hands(converter, episode.position), extra))
            told.append(padded(_hands(converter, episode.action), extra))
        of_base = {field.name: getattr(base, field.name) for field in fields(base)}
        parts = (np.concatenate(part) for part in (places, hands, told))
        return cls(**of_base, **dict(zip(("places", "hands", "told_hands"), parts, strict=True)))

    def scaling(self) -> HandScaling:
        """Fitted to all windows."""
        one = HandScaling(np.float32(1.0))
        now = self.hands[self.starts[:, 0]]
        told = [one.moves(self.told_hands[k][:, None], now)[:, 0] for k in self.index.chunks().T]
        return HandScaling.fit(np.concatenate(told))

    def placed_batch(
        self, rows: np.ndarray, lag: np.ndarray, scaling: HandScaling
    ) -> dict[str, Tensor]:
        """Windows `rows` `(batch,)`, as `losses` has them; System 2 looked `lag` steps earlier.

        Args:
            lag: `(batch,)` steps; cut where the episode begins.
        """
        now, chunks = self.starts[rows, 0], self.told_hands[self.index.chunks(rows)]
        past, _ = self.index.before(rows, lag * self.stride)
        hands, places = self.hands[now], self.places[now]
        where, shown = with_hands(places, hands)
        arrays = {
            "words": self.words[now],
            "current": self.features[now].astype(np.float32),
            "past": self.features[past].astype(np.float32),
            "places": where,
            "shown": shown,
            "hands": hands,
            "actions": scaling.moves(chunks, hands),
            "grips": (grips_of(chunks) > CLOSED).astype(np.float32),
        }
        return {key: torch.from_numpy(np.ascontiguousarray(a)) for key, a in arrays.items()}


def places_of(
    episode: Episode, robot: RobotModel, cameras: Sequence[str], grid: int
) -> np.ndarray:
    """`(frames, cameras * grid * grid, 3)` of an episode, as `lifted` has them.

    Raises:
        ConfigError: it lacks a camera's depth or intrinsics.
    """
    poses, found = CameraPoses(robot), []
    for camera in cameras:
        if camera not in episode.depth or camera not in episode.intrinsics:
            raise ConfigError(
                "demonstrations", f"have no depth and intrinsics of camera {camera!r}"
            )
        where = np.stack([poses.pose(camera, q) for q in episode.position])
        found.append(lifted(episode.depth[camera], episode.intrinsics[camera], where, grid))
    return np.concatenate(found, axis=1)


def _hands(converter: ActionConverter, positions: np.ndarray) -> np.ndarray:
    """`(frames, hands * 10)` float32 at `(frames, dof)` joint positions."""
    return converter.from_joints(positions, positions[0]).astype(np.float32)
