"""Who throws anything at a command core: requests, broken messages, strange clocks, an operator.

Chunks towards poses that collide, jumps, sign flips, NaN, infinities, wrong shapes and names, stale
and future stamps, modes, ways to the ready pose, emergency stops, joint states that are broken or
away from the command, late and repeated ticks, a clock set back, an operator whose deadman and
leader come and go.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from vla_core.command.command import Command
from vla_core.command.command_core import CommandCore
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode, TeleopTarget

_MS = 1_000_000


class Adversary:
    """Draws what happens to a command core, and lets a robot follow it."""

    def __init__(self, robot: RobotModel, seed: int, period_s: float) -> None:
        self._robot = robot
        self._random = np.random.default_rng(seed)
        self._period_ns = round(period_s * NANOSECONDS)
        self.now_ns = 1_000 * NANOSECONDS
        self._sequence = 0
        self.events: Counter[str] = Counter()
        self._tick = 0
        self._acts = {
            "chunk": (0.55, self._chunk),
            "mode": (0.17, self._mode),
            "operator": (0.3, self._operator),
            "ready": (0.06, self._ready),
            "estop": (0.03, self._estop),
            "joint_state": (0.07, self._bad_joint_state),
            "robot": (0.02, self._robot_strays),
            "late": (0.08, self._late),
            "clock": (0.02, self._clock),
        }

    def begin(self, core: CommandCore) -> None:
        """Another robot, at its ready pose."""
        self._core = core
        self.measured = self._robot.ready_pose.copy()
        self._follows = True
        self.ready_until_ns = 0
        self._held, self._leader, self._leader_every = False, self.measured.copy(), 2

    def step(self) -> Command:
        """A period passes; now and then something happens."""
        if self._random.random() < 0.02:
            names = list(self._acts)
            chances = np.array([chance for chance, _ in self._acts.values()])
            name = str(self._random.choice(names, p=chances / chances.sum()))
            self.events[name] += 1
            self._acts[name][1]()
        self.now_ns += self._period_ns + int(self._random.normal(0, 0.1 * _MS))
        if self._random.random() < 0.97:
            self._core.on_joint_state(
                self._robot.joint_names, self.measured, [], self.now_ns, self.now_ns
            )
        self._tick += 1
        if self._leader_every and self._tick % self._leader_every == 0:
            self._operate()
        command = self._core.tick(self.now_ns)
        if command.active and self._follows:
            self.measured = command.position
        return command

    def _chunk(self) -> None:
        random, dof = self._random, self._robot.dof
        limits = self._robot.limits
        horizon = int(random.integers(1, 17))
        pose = random.uniform(limits.lower, limits.upper)
        share = np.linspace(0, 1, horizon)[:, None]
        kind = random.choice(["reach", "jump", "wave", "beyond", "flip", "local"])
        if kind == "reach":
            targets = (1 - share) * self.measured + share * pose
        elif kind == "wave":
            phase = random.uniform(0, 6, dof)
            targets = self.measured + random.uniform(0, 1) * np.sin(phase + 6 * share)
        elif kind == "flip":
            targets = np.where(np.arange(horizon)[:, None] % 2, -self.measured, self.measured)
        elif kind == "local":
            targets = self.measured + random.normal(0, 0.1, dof) + np.zeros((horizon, dof))
        else:
            targets = pose * (3.0 if kind == "beyond" else 1.0) + np.zeros((horizon, dof))
        names = list(self._robot.joint_names)
        fault = random.choice(["", "", "", "", "", "nan", "inf", "huge", "shape", "joint", "order"])
        if fault in ("nan", "inf", "huge"):
            value = {"nan": np.nan, "inf": np.inf, "huge": 1e300}[fault]
            targets[random.integers(horizon), random.integers(dof)] = value
        elif fault == "shape":
            targets = targets[:, 1:]
        elif fault == "joint":
            names[0] = "tail_joint"
        elif fault == "order":
            order = random.permutation(dof)
            names, targets = [names[k] for k in order], targets[:, order]
        self._core.on_chunk(
            self._made(targets, names, int(random.choice([0, 60, 150, 500, 3000, -5, -900]))),
            self.now_ns,
        )

    def _made(self, targets: np.ndarray, names: list[str], age_ms: int) -> ActionChunk:
        self._sequence += 1
        stamp_ns = self.now_ns - age_ms * _MS
        step_s = float(self._random.choice([0.1, 0.05, 0.02, 0.4, 0.0]))
        return ActionChunk(
            self._sequence, stamp_ns, self._sequence, 1, stamp_ns, step_s, tuple(names), targets
        )

    def _mode(self) -> None:
        mode = ControlMode(int(self._random.choice([1, 2, 2, 2, 2, 0, 3, 5])))
        self._hold()
        self._core.request_mode(mode, self.now_ns)

    def _hold(self) -> None:
        """From wherever."""
        self._core.reset_estop("the fuzz", self.now_ns)
        self._core.request_mode(ControlMode.HOLD, self.now_ns)

    def _operator(self) -> None:
        """Press or let go, be elsewhere, be heard at another rate or not at all."""
        limits, random = self._robot.limits, self._random
        self._held = bool(random.random() < 0.7)
        self._leader_every = int(random.choice([0, 1, 2, 2, 3, 10, 40]))
        pose = random.uniform(limits.lower, limits.upper)
        share = float(random.choice([0.0, 0.1, 1.0]))
        self._leader = (1 - share) * self.measured + share * pose

    def _operate(self) -> None:
        wanders = self._random.normal(0, 0.002, self._robot.dof)
        self._leader = self._leader + wanders
        target = self._leader.copy()
        if self._random.random() < 0.01:
            target[self._random.integers(self._robot.dof)] = np.nan
        names = list(self._robot.joint_names)
        made = self._made(target[None], names, 0)  # draws as for a chunk: a seed stays what it is
        self._core.on_teleop(
            TeleopTarget(
                made.sequence, self.now_ns, self.now_ns, self._held, made.joint_names, target,
                "fuzz", "adversary",
            ),
            self.now_ns,
        )  # fmt: skip

    def _ready(self) -> None:
        if self._core.mode is not ControlMode.HOLD:
            self._hold()
            return
        share = np.linspace(0, 1, 40)[:, None]
        limits = self._robot.limits
        goal = self._random.uniform(limits.lower, limits.upper)
        chunk = self._made((1 - share) * self.measured + share * goal,
                           list(self._robot.joint_names), 100)  # fmt: skip
        if not self._core.on_ready_chunk(chunk, self.now_ns):
            self.ready_until_ns = self.now_ns + 60 * NANOSECONDS

    def _estop(self) -> None:
        self._core.on_estop(bool(self._random.random() < 0.5), self.now_ns)

    def _bad_joint_state(self) -> None:
        random, names = self._random, list(self._robot.joint_names)
        position = self.measured.copy()
        position[random.integers(len(names))] = random.choice([np.nan, np.inf, 9.0, -1.0])
        self._core.on_joint_state(
            names[: len(names) - int(random.integers(2))],
            position,
            [],
            self.now_ns + int(random.choice([0, -500, 500])) * _MS,
            self.now_ns,
        )

    def _robot_strays(self) -> None:
        """It stands where it was, or follows again: a jump of what is measured."""
        self._follows = not self._follows

    def _late(self) -> None:
        self.now_ns += int(self._random.choice([3, 5, 10, 40, 200, 2000])) * _MS

    def _clock(self) -> None:
        self.now_ns -= int(self._random.choice([1, 100, 5000])) * _MS
