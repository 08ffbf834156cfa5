"""What the socket costs beside the step: a suite here, and the same suite in a process of its own.

    .venv/bin/python benchmarks/suite_socket.py --json out/suite_socket.json

Each round is what an evaluation does for one chunk: some control steps, each with a new target, then a
picture of every camera. Here; apart, a request a step and a picture; apart, one request for all of it.
The three take turns, round by round, on the same seed. Times are medians over rounds; the socket alone
is a request for a picture less its drawing, by the picture's side.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from vla_core.contract.scene import Scene
from vla_core.progress import counted
from vla_core.result_table import number_text, result_table
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import Figure, write_measurement
from vla_core.suites import own_scene
from vla_core.suites.process.remote_scene import RemoteScene
from vla_core.suites.process.scene_process import SceneProcess
from vla_core.suites.process.suite_process import SuiteProcess
from vla_core.suites.process.vla_suite_server.scene import State
from vla_core.suites.registry import load_suite
from vla_core.suites.suite_argument import add_suite

SIDES = (64, 128, 256, 640)
HERE, STEPWISE, AT_ONCE = "here", "apart, a request a step", "apart, a request a chunk"


class Pictures:
    """A `ServedScene` without physics, that has pictures ready."""

    timestep_s = 1.0

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._pictures = {str(s): rng.integers(0, 255, (s, s, 3), np.uint8) for s in SIDES}

    def reset(self, seed: int, task: int | None) -> int:
        return 0

    def act(self, action: np.ndarray, duration_s: float) -> None:
        self._action = action

    def state(self) -> State:
        return State(0.0, self._action, self._action, self._action, np.zeros(1, bool))

    def render(self, camera: str) -> np.ndarray:
        return self._pictures[camera]

    def close(self) -> None:
        pass


def stepwise(scene: Scene, targets: np.ndarray, period_s: float, cameras: tuple[str, ...]) -> None:
    """As an evaluation asks a scene that it knows nothing of."""
    for target in targets:
        scene.set_targets(target)
        scene.step(period_s)
    for camera in cameras:
        scene.render(camera)


def took_ms(call: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begin_s)


def rounds(args: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of each round, by where it was simulated."""
    suite, robot = load_suite(args.suite), RobotModel.load(args.robot)
    period_s = 1.0 / args.control_hz
    here = suite.scene(robot)
    process = SuiteProcess(args.suite, own_scene.ENTRY)
    options = {"suite": args.suite, "robot": args.robot}
    apart = [RemoteScene(process, robot, suite.tasks, options) for _ in range(2)]
    ways = {
        HERE: (here, lambda targets: stepwise(here, targets, period_s, suite.cameras)),
        STEPWISE: (apart[0], lambda targets: stepwise(apart[0], targets, period_s, suite.cameras)),
        AT_ONCE: (apart[1], lambda targets: apart[1].play(targets, period_s, suite.cameras)),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    for scene, _ in ways.values():
        scene.reset(0)
    rng = np.random.default_rng(0)
    for number in counted(range(args.rounds + args.warm_up), "rounds"):
        targets = here.targets + rng.uniform(-1e-3, 1e-3, (args.steps, robot.dof)).cumsum(axis=0)
        for way, (_, play) in ways.items():
            one = took_ms(lambda play=play, targets=targets: play(targets))
            if number >= args.warm_up:
                took[way].append(one)
    if any(not np.array_equal(scene.position, here.position) for scene, _ in ways.values()):
        raise SystemExit("the scenes have come apart")
    for scene, _ in ways.values():
        scene.close()
    return took


def socket_alone(requests: int) -> dict[int, list[float]]:
    """Milliseconds of each request for a picture that is ready, by its side."""
    process = SceneProcess(SuiteProcess("pictures", "suite_socket:Pictures"), {})
    took = {}
    for side in SIDES:
        ask = [
            took_ms(lambda s=side: process.ask("render", camera=str(s))) for _ in range(requests)
        ]
        took[side] = ask[requests // 10 :]
    process.close()
    return took


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_suite(parser, "of ours, which is simulated")
    parser.add_argument("--robot", default="g1_inspire", help="under config/robots, or a YAML")
    parser.add_argument("--steps", type=int, default=20, help="control steps a round")
    parser.add_argument("--control-hz", type=float, default=200.0, help="control steps a second")
    parser.add_argument("--rounds", type=int, default=100, help="that are measured")
    parser.add_argument("--warm-up", type=int, default=10, help="rounds before")
    parser.add_argument("--requests", type=int, default=1000, help="for pictures that are ready")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    took, alone = rounds(args), socket_alone(args.requests)
    title = f"{args.suite}: {args.steps} steps, then pictures"
    table = result_table("", ">median ms", ">p99 ms", title=title)
    named = [*took.items(), *((f"a picture of {s} x {s}, ready", ms) for s, ms in alone.items())]
    for what, ms in named:
        table.add_row(what, *(number_text(float(np.quantile(ms, q)), 3) for q in (0.5, 0.99)))
    Console().print(table)
    if args.json:
        found = {
            "title": "A suite in a process of its own",
            "suite": args.suite,
            "steps": args.steps,
        }
        figures = [Figure(f"{what}, median", round(float(np.median(ms)), 3), "ms", trials=len(ms))
                   for what, ms in named]  # fmt: skip
        write_measurement(args.json, found, figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
