"""Throw anything at the command core for many ticks and check every command independently.

    .venv/bin/python benchmarks/safety_fuzz.py --ticks 1000000 --seed 0 --json out/safety_fuzz.json

Requests are drawn at random: chunks towards poses that collide, jumps, sign flips, NaN, infinities,
wrong shapes and names, stale and future stamps, modes, ways to the ready pose, emergency stops,
joint states that are broken or away from the command, late and repeated ticks, a clock set back,
an operator whose deadman and leader come and go. Every 5,000 ticks another robot of the same kind
begins, with its velocities, accelerations and jerks at another share of the shipped limits.
Limits are checked by finite differences of the positions on the wire; distances with coal, shape
by shape, after Pinocchio's forward kinematics, without the filter's collision model. A run-up is a
joint under the policy that goes back from what it is asked for.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, deque
from dataclasses import replace
from itertools import product
from pathlib import Path

import coal
import numpy as np
import pinocchio as pin
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from vla_core.command.command import Command, CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.faults.run_up_monitor import RunUpMonitor
from vla_core.handover.settings import HandoverSettings, Takeover
from vla_core.robot.joint_limits import JointLimits
from vla_core.robot.model import RobotModel
from vla_core.safety.bodies import Shape
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode, TeleopTarget

_MS = 1_000_000
_STILL_AFTER_S = 2.0
#: Ticks of one robot, and shares of its shipped limits: velocity, acceleration, jerk.
_SESSION = 5_000
_SHARES = ((1.0, 1.0, 1.0), (1.0, 0.2, 1.0), (1.0, 0.2, 0.2), (0.5, 0.5, 0.5), (0.5, 0.1, 0.2),
           (1.0, 2.0, 2.0))  # fmt: skip
#: Pairs nearer than this above their hard margin are measured every tick, all others now and then.
_NEAR_M, _ALL_EVERY = 0.08, 10
_SLACK = {"position": 1e-6, "velocity": 1e-6, "acceleration": 1e-5, "jerk": 1e-3}


class Distances:
    """Distances of the pairs by coal's own call on each, at poses that Pinocchio gives."""

    def __init__(self, robot: RobotModel, safety: CommandSafety) -> None:
        model = safety.collision
        self._robot = robot
        self._model = pin.buildModelFromUrdf(str(robot.urdf))
        self._data = self._model.createData()
        shapes = {body.name: list(body.shapes) for body in model.bodies}
        for box in model.boxes:
            pose = pin.SE3(pin.rpy.rpyToMatrix(box.rpy), box.centre)
            shapes[box.name] = [Shape(box.name, box.name, 0, pose, coal.Box(*box.size))]
        described = model.safety
        allowed = set(described.allowed) | {
            frozenset((link, box.name)) for box in model.boxes for link in box.allowed
        }
        self._pairs = [
            [
                (one, other)
                for one, other in product(shapes[pair.first], shapes[pair.second])
                if one.joint != other.joint and frozenset((one.link, other.link)) not in allowed
            ]
            for pair in model.pairs
        ]
        self.kinds = [str(pair.kind) for pair in model.pairs]
        self.hard_m = np.array(model.hard_m)
        self._request, self._result = coal.DistanceRequest(), coal.DistanceResult()
        self._last_m = np.zeros(len(self._pairs))
        self._calls = 0

    def above_hard(self, position: np.ndarray, everything: bool = False) -> np.ndarray:
        """`(pairs,)` distance above the hard margin [m]; far pairs are as of their last turn."""
        pin.forwardKinematics(self._model, self._data, self._robot.pinocchio_position(position))
        everything = everything or self._calls % _ALL_EVERY == 0
        self._calls += 1
        pairs = range(len(self._pairs)) if everything else np.flatnonzero(self._last_m < _NEAR_M)
        poses: dict[str, coal.Transform3s] = {}
        for pair in pairs:
            distance = min(self._distance(one, other, poses) for one, other in self._pairs[pair])
            self._last_m[pair] = distance - self.hard_m[pair]
        return self._last_m

    def _distance(self, one: Shape, other: Shape, poses: dict[str, coal.Transform3s]) -> float:
        self._result.clear()
        for each in (one, other):
            if each.name not in poses:
                pose = self._data.oMi[each.joint] * each.placement
                poses[each.name] = coal.Transform3s(pose.rotation, pose.translation)
        return coal.distance(
            one.shape, poses[one.name], other.shape, poses[other.name], self._request, self._result
        )


class Invariants:
    """Checks commands one after another, and counts what is broken."""

    def __init__(self, robot: RobotModel, safety: CommandSafety, period_s: float) -> None:
        self._period_s = period_s
        self._distances = Distances(robot, safety)
        self.violations: Counter[str] = Counter(
            dict.fromkeys(
                ("finite", "position", "velocity", "acceleration", "jerk", "distance",
                 "tail_distance", "tail_end", "standstill", "idle", "run_up"), 0)
        )  # fmt: skip
        self.first: dict[str, str] = {}
        self.smallest_m = dict.fromkeys(self._distances.kinds, np.inf)
        self.largest = dict.fromkeys((*_SLACK, "run_up_from_rest", "run_up_moving"), 0.0)

    def begin(self, core: CommandCore, limits: JointLimits) -> None:
        """Another command core, with these limits, is checked from now on."""
        self._limits = limits
        self._run_ups = RunUpMonitor(core, limits, CommandSettings().horizon_s)
        self._window: deque[tuple[int, np.ndarray, bool]] = deque(maxlen=4)
        self._still_since_ns: int | None = None
        stop_s = 2 * limits.acceleration / limits.jerk + limits.velocity / limits.acceleration
        self._still_after_s = _STILL_AFTER_S + float(stop_s.max())

    def check(self, command: Command, ready: bool) -> None:
        """One command; `ready` says that a way to the ready pose may be followed in HOLD."""
        mode = command.status.mode
        self._check_run_ups(command)
        if not command.active:
            self._window.clear()
            return
        if mode is ControlMode.IDLE:
            self._broken("idle", command, "")
        numbers = (command.position, command.velocity, command.tail.position, command.tail.velocity)
        if not all(np.isfinite(array).all() for array in numbers):
            self._broken("finite", command, "")
            self._window.clear()
            return
        self._check_limits(command, mode is ControlMode.ESTOP)
        self._check_distances(command)
        if command.tail.velocity[-1].any():
            self._broken("tail_end", command, "moves at its end")
        self._check_standstill(command, mode, ready)

    def _check_limits(self, command: Command, emergency: bool) -> None:
        limits, window = self._limits, self._window
        period_ns = round(self._period_s * NANOSECONDS)
        if window and command.motion_ns != window[-1][0] + period_ns:
            window.clear()
        window.append((command.motion_ns, command.position, emergency))
        below = np.maximum(limits.lower - command.position, command.position - limits.upper)
        self._limit("position", below, 0.0, command)
        positions = np.array([position for _, position, _ in window])
        for name, order in (("velocity", 1), ("acceleration", 2), ("jerk", 3)):
            if len(positions) > order and not (name == "jerk" and any(e for _, _, e in window)):
                value = np.abs(np.diff(positions[-order - 1 :], order, axis=0)[-1])
                share = value / self._period_s**order / getattr(limits, name)
                self._limit(name, share, 1.0, command)

    def _limit(self, name: str, value: np.ndarray, limit: float, command: Command) -> None:
        worst = int(np.argmax(value))
        self.largest[name] = max(self.largest[name], float(value[worst]))
        if value[worst] > limit + _SLACK[name]:
            self._broken(name, command, f"{self._limits.names[worst]} {value[worst]:.6g}")

    def _check_distances(self, command: Command) -> None:
        above = self._distances.above_hard(command.position)
        for kind, value in zip(self._distances.kinds, above, strict=True):
            self.smallest_m[kind] = min(self.smallest_m[kind], float(value))
        if above.min() < -1e-9:
            self._broken("distance", command, f"pair {int(above.argmin())} {above.min():.6g} m")
        if command.status.tick % 50 == 0:
            for position in command.tail.position[1:]:
                above = self._distances.above_hard(position, everything=True)
                if above.min() < -1e-9:
                    self._broken("tail_distance", command, f"{above.min():.6g} m")
                    break

    def _check_run_ups(self, command: Command) -> None:
        for up in self._run_ups.check(command):
            name = "run_up_from_rest" if up.from_rest else "run_up_moving"
            self.largest[name] = max(self.largest[name], up.way)
            if up.is_one:
                self._broken("run_up", command, f"{up.joint} {up.way:.6g} rad")

    def _check_standstill(self, command: Command, mode: ControlMode, ready: bool) -> None:
        resting = mode is ControlMode.ESTOP or (mode is ControlMode.HOLD and not ready)
        if not resting:
            self._still_since_ns = None
            return
        if self._still_since_ns is None or command.stamp_ns < self._still_since_ns:
            self._still_since_ns = command.stamp_ns
        rested_s = (command.stamp_ns - self._still_since_ns) / NANOSECONDS
        if rested_s > self._still_after_s and len(self._window) > 1:
            moved = np.abs(self._window[-1][1] - self._window[-2][1]).max()
            if moved > 1e-9:
                self._broken("standstill", command, f"{moved:.3g} rad")

    def _broken(self, name: str, command: Command, what: str) -> None:
        self.violations[name] += 1
        self.first.setdefault(
            name, f"tick {command.status.tick}, {command.status.mode.name}: {what}"
        )


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


def _share_of(
    limits: JointLimits, velocity: float, acceleration: float, jerk: float
) -> JointLimits:
    return replace(
        limits,
        velocity=limits.velocity * velocity,
        acceleration=limits.acceleration * acceleration,
        jerk=limits.jerk * jerk,
    )


def main() -> None:
    """Run, and say what was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robot", default="g1_inspire")
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no more robots after them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    robot = RobotModel.load(args.robot)
    safety = CommandSafety.of(robot)
    settings = CommandSettings(period_s=1.0 / robot.description.command.rate_hz)
    takeover = list(Takeover)[args.seed % len(Takeover)]
    adversary = Adversary(robot, args.seed, settings.period_s)
    invariants = Invariants(robot, safety, settings.period_s)
    modes: Counter[str] = Counter()
    constraints: Counter[str] = Counter()
    started_s = time.monotonic()
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn(),
               TextColumn("{task.fields[broken]} violations"))  # fmt: skip
    with Progress(*columns) as progress:
        task = progress.add_task("ticks", total=args.ticks, broken=0)
        for tick in range(args.ticks):
            if tick % _SESSION == 0:
                if time.monotonic() - started_s > args.seconds:
                    break
                limits = _share_of(robot.limits, *_SHARES[tick // _SESSION % len(_SHARES)])
                core = CommandCore(
                    limits, settings, safety=safety, handover=HandoverSettings(takeover=takeover)
                )
                adversary.begin(core)
                invariants.begin(core, limits)
            command = adversary.step()
            invariants.check(command, command.stamp_ns < adversary.ready_until_ns)
            modes[command.status.mode.name] += 1
            constraints.update({constraint.name for constraint in command.status.constraints})
            if tick % 500 == 499:
                progress.update(task, completed=tick + 1,
                                broken=invariants.violations.total())  # fmt: skip
    report = {
        "robot": args.robot,
        "ticks": modes.total(),
        "seed": args.seed,
        "wall_s": round(time.monotonic() - started_s, 1),
        "violations": dict(invariants.violations),
        "first_violation": invariants.first,
        "largest_share_of_limit": invariants.largest,
        "smallest_distance_above_hard_margin_m": invariants.smallest_m,
        "events": dict(adversary.events),
        "ticks_in_mode": dict(modes),
        "ticks_with_constraint": dict(constraints.most_common()),
    }
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    raise SystemExit(1 if invariants.violations.total() else 0)


if __name__ == "__main__":
    main()
