"""What an episode, or a video of hands, says of states and targets, frame by frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vla_core.contract.episode import Episode
from vla_core.recordings.hand_video import HandVideo
from vla_core.robot.model import RobotModel
from vla_core.training.joint_frames import mean_velocities, state_vectors
from vla_core.training.window_index import padded


class Motion(NamedTuple):
    """Of every frame.

    Attributes:
        states, targets: `(frames, state)` measured and commanded.
        velocities: `(frames, dof)`, as an `Observation` has them.
        known: `(frames, state)` bool, which numbers of state and targets there are; the others
            are 0.
    """

    states: np.ndarray
    velocities: np.ndarray
    targets: np.ndarray
    known: np.ndarray


def motion_of(episode: Episode | HandVideo, robot: RobotModel, extra: int, stride: int) -> Motion:
    """The frames of an episode and its last one `extra` times more.

    Args:
        stride: frames in a step; where nothing was commanded, the state a step later is the target
            (DIAL, section 4.1.1).
    """
    if isinstance(episode, HandVideo):
        return _of_hands(episode, robot, extra, stride)
    states = padded(state_vectors(robot, episode.position), extra)
    return Motion(
        states,
        mean_velocities(padded(episode.position, extra), episode.rate_hz),
        padded(state_vectors(robot, episode.action), extra),
        np.ones(states.shape, bool),
    )


def _of_hands(video: HandVideo, robot: RobotModel, extra: int, stride: int) -> Motion:
    states, known = video.states(robot)
    states = padded(states, extra)
    later = np.minimum(np.arange(len(states)) + stride, len(states) - 1)
    return Motion(
        states,
        np.zeros((len(states), robot.dof), np.float32),
        states[later],
        np.broadcast_to(known, states.shape),
    )
