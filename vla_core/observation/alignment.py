"""Cameras and joints of one moment: pushes in, aligned Observations out, never waiting.

The reference camera sets the pace: each of its images is a moment. A moment is settled once every
other part of it has come, so parts may come in any order, as they do in a burst; a part that its
camera does not send is not waited for once the joint states are past the moment. Then every
camera's nearest image and the joint state must lie within the skew limit of the moment; else it is
dropped and counted. Joint positions are interpolated to the stamp when states on both sides are
there. Velocities are differences of positions, whatever the driver tells of them: recordings mostly
tell nothing, and what a policy learned from is what it shall get.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

from vla_core.errors import ConfigError, VlaError
from vla_core.observation.depth import resized_depth
from vla_core.observation.joint_state import JointState
from vla_core.observation.joint_states import JointStates
from vla_core.observation.picture_size import resized_picture
from vla_core.types import NANOSECONDS, VELOCITY_OVER_S, Observation

_JOINT_STATES_KEPT = 256
#: Images of each camera that are kept, and moments that wait for their parts.
_IMAGES_KEPT = 8
#: A part this much before its moment is the newest one could wish for: nothing later is waited for.
_PROMPT_NS = 10_000_000


class Drop(Enum):
    """Why something did not become part of an observation."""

    UNKNOWN_CAMERA = "unknown_camera"
    WRONG_IMAGE = "wrong_image"
    IMAGE_OUT_OF_ORDER = "image_out_of_order"
    MISSING_CAMERA = "missing_camera"
    MISSING_INTRINSICS = "missing_intrinsics"
    CAMERA_SKEW = "camera_skew"
    WRONG_JOINT_STATE = "wrong_joint_state"
    JOINT_STATE_OUT_OF_ORDER = "joint_state_out_of_order"
    MISSING_JOINT_STATE = "missing_joint_state"
    JOINT_STATE_SKEW = "joint_state_skew"


class _Stamped(NamedTuple):
    """A resized, read-only picture or depth, and its stamp."""

    stamp_ns: int
    image: np.ndarray


class ObservationAligner:
    """Builds Observations from what is pushed; holds some images a camera and some joint states.

    Args:
        cameras: `{name: (height, width)}` of the images that observations carry.
        joint_names: canonical order.
        max_skew_s: how far parts may lie from the reference image's stamp [s].
        reference: camera that sets the pace; the first one by default.
        depths: those of the cameras whose depth observations carry, too.

    Attributes:
        last_drop: the newest drop, for a person.
    """

    def __init__(
        self,
        cameras: Mapping[str, tuple[int, int]],
        joint_names: Sequence[str],
        max_skew_s: float = 0.05,
        reference: str | None = None,
        depths: Collection[str] = (),
    ) -> None:
        self._sizes = dict(cameras)
        if not self._sizes:
            raise ConfigError("cameras", "none given; an observation needs at least one")
        self._reference = next(iter(self._sizes)) if reference is None else reference
        if self._reference not in self._sizes:
            known = ", ".join(self._sizes)
            raise ConfigError("reference", f"no camera {reference!r}; there are {known}")
        self._max_skew_ns = round(max_skew_s * NANOSECONDS)
        self._joints = JointStates(joint_names)
        self._depths = {camera: _depth_of(camera) for camera in depths}
        self._images = {
            part: deque[_Stamped](maxlen=_IMAGES_KEPT)
            for part in (*self._sizes, *self._depths.values())
        }
        """Of each picture, and of each depth, by the name of the part."""
        self._moments: deque[_Stamped] = deque()
        self._states: deque[JointState] = deque(maxlen=_JOINT_STATES_KEPT)
        self._drops: Counter[str] = Counter()
        self._sequence = 0
        self.last_drop = ""

    @property
    def drops(self) -> Counter[str]:
        """`{reason: how often}` since the start; reasons are the values of `Drop`."""
        return self._drops

    @property
    def position(self) -> np.ndarray | None:
        """`(dof,)` newest joint positions in canonical order [rad]; None before the first."""
        return self._states[-1].position if self._states else None

    def position_at(self, stamp_ns: int) -> np.ndarray | None:
        """The same, unless they were measured so long before `stamp_ns` that no observation of
        then could have them.
        """
        if not self._states or self._states[-1].stamp_ns < stamp_ns - self._max_skew_ns:
            return None
        return self._states[-1].position

    def lacking(self, now_ns: int | None = None) -> str:
        """Which joints keep the joint states from being whole, as `JointStates.lacking`."""
        return self._joints.lacking(now_ns)

    def push_joint_state(
        self, names: Sequence[str], position: np.ndarray, velocity: np.ndarray, stamp_ns: int
    ) -> list[Observation]:
        """Take a message of joint states, which may hold some of the robot's joints.

        Args:
            names, position, velocity, stamp_ns: as for `JointStates.take`.

        Returns:
            Observations that it completes, oldest first.
        """
        try:
            state = self._joints.take(names, position, velocity, stamp_ns)
        except VlaError as error:
            return self.drop(Drop.WRONG_JOINT_STATE, str(error))
        if state is None:
            return []
        if self._states and state.stamp_ns <= self._states[-1].stamp_ns:
            return self.drop(Drop.JOINT_STATE_OUT_OF_ORDER, f"stamp {stamp_ns} after a later one")
        self._states.append(state)
        return self._settle()

    def push_image(self, camera: str, image: np.ndarray, stamp_ns: int) -> list[Observation]:
        """Take an image.

        Args:
            image: `(height, width, 3)` uint8 RGB of any size; it is copied by resizing.

        Returns:
            Observations that it completes, oldest first.
        """
        if camera not in self._sizes:
            known = ", ".join(self._sizes)
            return self.drop(Drop.UNKNOWN_CAMERA, f"{camera!r}; there are {known}")
        problem = _why_no_image(image)
        if problem:
            return self.drop(Drop.WRONG_IMAGE, f"{camera}: {problem}")
        return self._push(camera, self._resized(camera, image), stamp_ns)

    def push_depth(self, camera: str, depth: np.ndarray, stamp_ns: int) -> list[Observation]:
        """Take a camera's depth, `(height, width)` float32 of any size [m]; as `push_image`."""
        if camera not in self._depths:
            known = ", ".join(self._depths) or "none"
            return self.drop(Drop.UNKNOWN_CAMERA, f"depth of {camera!r}; there are {known}")
        resized = resized_depth(depth, *self._sizes[camera])
        resized.setflags(write=False)
        return self._push(self._depths[camera], resized, stamp_ns)

    def _push(self, part: str, image: np.ndarray, stamp_ns: int) -> list[Observation]:
        images = self._images[part]
        if images and stamp_ns <= images[-1].stamp_ns:
            last = images[-1].stamp_ns
            return self.drop(Drop.IMAGE_OUT_OF_ORDER, f"{part}: {stamp_ns} after {last}")
        images.append(_Stamped(stamp_ns, image))
        if part == self._reference:
            self._moments.append(images[-1])
        return self._settle()

    def restart(self) -> None:
        """Forget images and joint states: the clock was set back. Counts go on."""
        for images in self._images.values():
            images.clear()
        self._moments.clear()
        self._states.clear()
        self._joints.restart()

    def _settle(self) -> list[Observation]:
        """Observations of the moments that nothing is to come for, in order."""
        found: list[Observation] = []
        while self._moments:
            if len(self._moments) <= _IMAGES_KEPT // 2 and not self._complete(self._moments[0]):
                break
            found += self._observe(self._moments.popleft())
        return found

    def _complete(self, moment: _Stamped) -> bool:
        """Whether every part has come, or is not going to."""
        state_ns = self._states[-1].stamp_ns if self._states else None
        if state_ns is None or state_ns < moment.stamp_ns - _PROMPT_NS:
            return False
        if state_ns > moment.stamp_ns + _PROMPT_NS:
            return True
        return all(
            images and images[-1].stamp_ns >= moment.stamp_ns - _PROMPT_NS
            for images in self._images.values()
        )

    def _observe(self, moment: _Stamped) -> list[Observation]:
        """The observation of a moment, or a counted drop."""
        stamp_ns = moment.stamp_ns
        images, skews_ns = {self._reference: moment.image}, [0]
        for camera, kept in self._images.items():
            if camera == self._reference:
                continue
            if not kept:
                return self.drop(Drop.MISSING_CAMERA, f"{camera} has sent nothing")
            nearest = min(kept, key=lambda image: abs(image.stamp_ns - stamp_ns))
            skews_ns.append(abs(nearest.stamp_ns - stamp_ns))
            if skews_ns[-1] > self._max_skew_ns:
                return self.drop(Drop.CAMERA_SKEW, self._too_far(camera, skews_ns[-1]))
            images[camera] = nearest.image
        found = self._state_at(stamp_ns)
        if found is None:
            return self.drop(Drop.MISSING_JOINT_STATE, self._joints.lacking() or "none has come")
        state, skew_ns = found
        if skew_ns > self._max_skew_ns:
            lacking = self._joints.lacking(stamp_ns)
            what = f"joint state ({lacking})" if lacking else "joint state"
            return self.drop(Drop.JOINT_STATE_SKEW, self._too_far(what, skew_ns))
        self._sequence += 1
        return [
            Observation(
                stamp_ns=stamp_ns,
                sequence=self._sequence,
                images={camera: images[camera] for camera in self._sizes},
                position=state.position,
                velocity=self._velocity(state),
                skew_s=max(*skews_ns, skew_ns) / NANOSECONDS,
                depth={camera: images[part] for camera, part in self._depths.items()},
            )
        ]

    def _state_at(self, stamp_ns: int) -> tuple[JointState, int] | None:
        """Joint state at the stamp and how far the measurement was from it [ns]."""
        after = None
        for state in reversed(self._states):
            if state.stamp_ns <= stamp_ns:
                return _between(state, after, stamp_ns)
            after = state
        return None if after is None else (after, after.stamp_ns - stamp_ns)

    def _velocity(self, state: JointState) -> np.ndarray:
        """`(dof,)` mean over `VELOCITY_OVER_S`, or over what there is; zero at the first state."""
        before, _ = self._state_at(state.stamp_ns - round(VELOCITY_OVER_S * NANOSECONDS))
        span_s = (state.stamp_ns - before.stamp_ns) / NANOSECONDS
        if span_s <= 0.0:
            return np.zeros_like(state.position)
        return (state.position - before.position) / span_s

    def _resized(self, camera: str, image: np.ndarray) -> np.ndarray:
        resized = resized_picture(image, *self._sizes[camera])
        resized.setflags(write=False)
        return resized

    def _too_far(self, part: str, skew_ns: int) -> str:
        skew_ms, limit_ms = skew_ns / 1e6, self._max_skew_ns / 1e6
        return f"{part} is {skew_ms:.1f} ms from {self._reference}'s image, limit {limit_ms:.1f} ms"

    def drop(self, reason: Drop, detail: str) -> list[Observation]:
        """Count that something did not become an observation; none comes of it."""
        self._drops[reason.value] += 1
        self.last_drop = f"{reason.value}: {detail}"
        return []


def _depth_of(camera: str) -> str:
    """Name of a camera's depth, among the parts of an observation."""
    return f"depth of {camera}"


def _why_no_image(image: np.ndarray) -> str:
    """What keeps `image` from being RGB; "" if nothing does."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        return f"got {getattr(image, 'dtype', type(image).__name__)}, expected uint8"
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        return f"got shape {image.shape}, expected (height, width, 3)"
    return ""


def _between(before: JointState, after: JointState | None, stamp_ns: int) -> tuple[JointState, int]:
    """Joint state at `stamp_ns` from its neighbours, and the distance to the nearer one [ns]."""
    if after is None:
        return before, stamp_ns - before.stamp_ns
    share = (stamp_ns - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
    state = JointState(
        stamp_ns,
        before.position + share * (after.position - before.position),
        before.velocity + share * (after.velocity - before.velocity),
    )
    return state, min(stamp_ns - before.stamp_ns, after.stamp_ns - stamp_ns)
