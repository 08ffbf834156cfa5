"""A hand that is a point on two linear axes, before a wall and beside a post: distances by hand."""

from __future__ import annotations

import numpy as np

from vla_core.command.command import Command, CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.handover.settings import HandoverSettings
from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.collision import Pair, Proximity
from vla_core.safety.command_safety import CommandSafety
from vla_core.safety.description import HandSpeedMode, PairKind
from vla_core.safety.distance_bounds import KnownDistances
from vla_core.safety.freshness import FreshnessLimits
from vla_core.types import ActionChunk, ControlMode, TeleopTarget

MS = 1_000_000
PERIOD_NS = 5 * MS
NAMES = ("x", "y")
WALL_X = 0.8
POST, POST_RADIUS = np.array([0.3, 0.3]), 0.05
HARD_M, SOFT_M = 0.02, 0.06


class PointHandCollision:
    """`CollisionModel` of the point: a wall at x = WALL_X, and a round post."""

    pairs = (Pair("hand", "wall", PairKind.TABLE), Pair("hand", "post", PairKind.KEEP_OUT))
    hard_m = np.full(2, HARD_M)
    soft_m = np.full(2, SOFT_M)
    exact_m = np.full(2, np.inf)
    hands = ("hand",)
    known = KnownDistances(2, 2)

    def distances(self, position: np.ndarray) -> np.ndarray:
        return np.array([WALL_X - position[0], np.linalg.norm(position - POST) - POST_RADIUS])

    def distances_along(self, positions: np.ndarray, exact_m=None, known=None) -> np.ndarray:
        return np.array([self.distances(position) for position in positions]).reshape(-1, 2)

    def nearest(self, position: np.ndarray, within_m: float) -> Proximity:
        distances = self.distances(position)
        away = (position - POST) / np.linalg.norm(position - POST)
        near = np.flatnonzero(distances < within_m)
        return Proximity(near, distances[near], np.array([[-1.0, 0.0], away])[near])

    def hand_jacobians(self, position: np.ndarray) -> np.ndarray:
        return np.eye(2)[None]

    def hand_speeds(self, position: np.ndarray, velocity: np.ndarray, exact_above=0.0):
        return np.array([np.linalg.norm(velocity)])


def point_limits() -> JointLimits:
    ones = np.ones(2)
    return JointLimits(NAMES, -ones, ones, 2.0 * ones, 10 * ones, 100 * ones)


class PointBench:
    """The command core on the point hand, a robot that is where it is told to be, and a clock."""

    def __init__(
        self,
        settings: CommandSettings = CommandSettings(),
        freshness: FreshnessLimits = FreshnessLimits(),
        hand_speed: float = 1.5,
        heartbeat_s: float = 0.0,
        handover: HandoverSettings | None = None,
    ) -> None:
        self.limits = point_limits()
        speeds = dict.fromkeys(HandSpeedMode, hand_speed) | {HandSpeedMode.READY: 0.2}
        safety = CommandSafety(
            PointHandCollision(), speeds, np.full(2, 0.05), np.full(2, 0.15), heartbeat_s
        )
        self.core = CommandCore(self.limits, settings, freshness, safety, handover)
        self.now_ns = 1_000 * MS
        self.measured = np.zeros(2)
        self.stuck = False
        self.commands: list[Command] = []
        self._sequence = 0

    def push(self, targets: np.ndarray, age_ms: float = 0.0, step_s: float = 0.1) -> str:
        """A chunk `(horizon, 2)` of an observation `age_ms` ago; returns why it was refused."""
        return self.core.on_chunk(self.chunk(targets, age_ms, step_s), self.now_ns)

    def chunk(
        self, targets: np.ndarray, age_ms: float = 0.0, step_s: float = 0.1
    ) -> ActionChunk:
        self._sequence += 1
        stamp_ns = self.now_ns - round(age_ms * MS)
        return ActionChunk(
            sequence=self._sequence,
            observation_stamp_ns=stamp_ns,
            observation_sequence=self._sequence,
            intent_sequence=1,
            intent_stamp_ns=stamp_ns,
            step_s=step_s,
            joint_names=NAMES,
            targets=np.asarray(targets, dtype=float),
        )

    def operate(
        self, position, held: bool = True, age_ms: float = 0.0, names: tuple[str, ...] = NAMES
    ) -> str:
        """A message of the operator's stream; returns why it was refused."""
        self._sequence += 1
        target = TeleopTarget(
            sequence=self._sequence,
            devices_stamp_ns=self.now_ns - round(age_ms * MS),
            deadman_stamp_ns=self.now_ns,
            deadman_held=held,
            joint_names=names,
            position=np.asarray(position, dtype=float),
            source="leader",
            operator_name="alice",
        )
        return self.core.on_teleop(target, self.now_ns)

    def tick(self, times: int = 1) -> Command:
        for _ in range(times):
            self.now_ns += PERIOD_NS
            self.core.on_joint_state(NAMES, self.measured, [], self.now_ns, self.now_ns)
            command = self.core.tick(self.now_ns)
            if command.active and not self.stuck:
                self.measured = command.position
            self.commands.append(command)
        return self.commands[-1]

    def start(self, position: tuple[float, float] = (0.0, 0.0)) -> None:
        """Into POLICY at `position`."""
        self.measured = np.array(position)
        self.tick()
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            answer = self.core.request_mode(mode, self.now_ns)
            assert answer.accepted, answer.reason

    def positions(self) -> np.ndarray:
        """`(ticks, 2)` of every active command so far [m]."""
        return np.array([command.position for command in self.commands if command.active])

    def distances(self) -> np.ndarray:
        """`(ticks, 2)` to wall and post, from the formulas and not from the filter [m]."""
        at = self.positions()
        return np.stack((WALL_X - at[:, 0], np.hypot(*(at - POST).T) - POST_RADIUS), axis=1)

    @staticmethod
    def margin_of(position: np.ndarray) -> float:
        """Distance to the nearer of wall and post at `(2,)` [m]."""
        return float(min(WALL_X - position[0], np.hypot(*(position - POST)) - POST_RADIUS))


def line(start, end, horizon: int = 16) -> np.ndarray:
    """Targets `(horizon, 2)` from `start` straight to `end` [m]."""
    share = np.linspace(0.0, 1.0, horizon)[:, None]
    return (1 - share) * np.asarray(start) + share * np.asarray(end)


def eased(start, end, horizon: int) -> np.ndarray:
    """As `line`, at rest at both ends."""
    share = np.linspace(0.0, 1.0, horizon)[:, None]
    share = share * share * (3 - 2 * share)
    return (1 - share) * np.asarray(start) + share * np.asarray(end)


def assert_inside_limits(positions: np.ndarray, limits: JointLimits) -> None:
    """By finite differences of the positions alone."""
    period_s = PERIOD_NS * 1e-9
    velocity = np.diff(positions, axis=0) / period_s
    acceleration = np.diff(velocity, axis=0) / period_s
    jerk = np.diff(acceleration, axis=0) / period_s
    assert np.isfinite(positions).all()
    assert (positions >= limits.lower - 1e-6).all() and (positions <= limits.upper + 1e-6).all()
    assert (np.abs(velocity) <= limits.velocity * (1 + 1e-6)).all()
    assert (np.abs(acceleration) <= limits.acceleration * (1 + 1e-5)).all()
    assert (np.abs(jerk) <= limits.jerk * (1 + 1e-3)).all()
