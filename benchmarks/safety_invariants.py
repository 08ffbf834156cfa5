"""Whether commands keep their limits, distances and modes, without the code that is to see to it.

Limits are checked by finite differences of the positions on the wire; distances with coal, shape
by shape, after Pinocchio's forward kinematics, without the filter's collision model. A run-up is a
joint under the policy that goes back from what it is asked for.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import product

import coal
import numpy as np
import pinocchio as pin

from vla_core.command.command import Command, CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.faults.run_up_monitor import RunUpMonitor
from vla_core.robot.joint_limits import JointLimits
from vla_core.robot.model import RobotModel
from vla_core.safety.bodies import Shape
from vla_core.safety.command_safety import CommandSafety
from vla_core.types import NANOSECONDS, ControlMode

_STILL_AFTER_S = 2.0
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
