"""Throw anything at the command core for many ticks and check every command independently.

    .venv/bin/python benchmarks/safety_fuzz.py --ticks 1000000 --seed 0 --json out/safety_fuzz.json

What happens is drawn at random by `safety_adversary.py`, and every command is checked by
`safety_invariants.py`. Every 5,000 ticks another robot of the same kind begins, with its velocities,
accelerations and jerks at another share of the shipped limits.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress, TextColumn, TimeRemainingColumn
from safety_adversary import Adversary
from safety_invariants import Invariants

from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.handover.settings import HandoverSettings, Takeover
from vla_core.robot.joint_limits import JointLimits
from vla_core.robot.model import RobotModel
from vla_core.safety.command_safety import CommandSafety
from vla_core.statistics.measurement import write_measurement

#: Ticks of one robot, and shares of its shipped limits: velocity, acceleration, jerk.
_SESSION = 5_000
_SHARES = ((1.0, 1.0, 1.0), (1.0, 0.2, 1.0), (1.0, 0.2, 0.2), (0.5, 0.5, 0.5), (0.5, 0.1, 0.2),
           (1.0, 2.0, 2.0))  # fmt: skip


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
        write_measurement(args.json, report)
    raise SystemExit(1 if invariants.violations.total() else 0)


if __name__ == "__main__":
    main()
