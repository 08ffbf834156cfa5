"""Runtimes and placements beside each other on the same policy and observation, in one run.

    .venv/bin/python benchmarks/inference.py --policy dial_tabletop --json out/inference.json
    .venv/bin/python benchmarks/inference.py --on onnx "torch compile=true" "torch device=cuda"
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from vla_core.policies.registry import load_system1, load_system2
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import write_measurement
from vla_core.types import Context, Instruction, Observation

SYSTEMS = ("system2", "system1")


def main() -> None:
    """Measure and print; runtimes take turns, so that a busy machine slows both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", default="dial_tabletop")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument(
        "--on", nargs="+", default=["onnx", "torch"], help="the first one is compared with"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    policies = {
        place: (load_system2(args.policy, place), load_system1(args.policy, place))
        for place in args.on
    }
    manifest = policies[args.on[0]][0].manifest
    rng = np.random.default_rng(0)
    seen = Observation(
        0,
        0,
        {
            camera.name: rng.integers(0, 255, (camera.height, camera.width, 3), np.uint8)
            for camera in manifest.observation.cameras
        },
        RobotModel.load(manifest.robot).ready_pose,
        np.zeros(len(manifest.joint_names)),
    )
    told = Instruction(1, " ".join(manifest.model["vocabulary"][:3]) or "go")
    times: dict[str, list[float]] = {f"{p} {s}": [] for p in policies for s in SYSTEMS}
    for _ in range(args.rounds):
        for place, (system2, system1) in policies.items():
            started = time.perf_counter()
            intent = system2.intend(Context(seen), told)
            between = time.perf_counter()
            system1.act(Context(seen), intent, np.random.default_rng(0))
            times[f"{place} system2"].append(between - started)
            times[f"{place} system1"].append(time.perf_counter() - between)
    rows = {
        name: dict(zip(("p50_ms", "p99_ms"), np.percentile(t[5:], (50, 99)) * 1e3, strict=True))
        for name, t in times.items()
    }
    for name, row in rows.items():
        print(f"{name:32} p50 {row['p50_ms']:7.2f} ms   p99 {row['p99_ms']:7.2f} ms")
    first, *others = policies
    for place in others:
        for system in SYSTEMS:
            ratio = rows[f"{place} {system}"]["p50_ms"] / rows[f"{first} {system}"]["p50_ms"]
            rows[f"{system} {place}/{first}"] = {"ratio": ratio}
            print(f"{system}: {place} takes {ratio:.2f} times as long as {first}")
    if args.json:
        write_measurement(args.json, rows)


if __name__ == "__main__":
    main()
