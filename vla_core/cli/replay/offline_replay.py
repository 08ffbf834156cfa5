"""`vla replay --offline`: from the command line's arguments to the result on disk."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from vla_core.cli.replay.replay_files import ReplayFiles
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.protocol import DualSystem
from vla_core.observation.observation_builder import cameras_of
from vla_core.paths import policy_folder
from vla_core.policies.baselines.hold import hold_policy
from vla_core.policies.registry import load_policy
from vla_core.progress import bar
from vla_core.recordings.bags.part import Part
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.recordings.sources.recording import Recording
from vla_core.replay.arguments import HOLD, INSTRUCTION, RANDOM
from vla_core.replay.offline.limits import with_limits
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.robot.load import load_robot
from vla_core.robot.model import RobotModel


def replay_offline(args: argparse.Namespace) -> tuple[dict[str, Any], Path | None]:
    """Replay, show progress, and write `offline.json` and the report into the folder of results.

    Returns:
        What `offline.json` holds, and the report; None of several episodes where none is chosen.

    Raises:
        VlaError: recording, robot, policy or an argument cannot be used; says why.
    """
    robot = RobotModel(with_limits(load_robot(args.robot), args.limit))
    cameras = list(robot.cameras)
    specs = ()
    if args.policy not in (RANDOM, HOLD):
        manifest = PolicyManifest.load(policy_folder(args.policy))
        specs = manifest.observation.cameras
        cameras = [camera.name for camera in cameras_of(robot.cameras, manifest)]
    part = Part(args.from_s, args.to_s)
    recording = open_recording(
        args.bag, robot, cameras, args.simulated, part, args.bag_namespace, specs
    )
    settings = OfflineSettings(
        instruction=args.instruction or ("" if recording.instructions else INSTRUCTION),
        system2_rate_hz=args.system2_hz,
        system2_delay_s=args.system2_delay_ms / 1000,
        replan_steps=args.replan_steps,
        system1_delay_s=args.delay_ms / 1000,
        strategy=args.strategy,
        seed=args.seed,
    )
    policy = _policy(args, robot, recording)
    replay = OfflineReplay(robot, policy, settings)
    files = ReplayFiles(args, robot, recording)
    listeners = files.listeners(policy.system1.manifest)
    with bar("frames", recording.frames) as shown:
        try:
            scores = replay.run(recording, shown.advance, listeners)
        finally:  # the files are whole, whatever ends the replay
            for listener in listeners:
                listener.ended()
    result = {"recording": str(args.bag), "limits": args.limit, "backend": args.backend} | scores
    args.out.mkdir(parents=True, exist_ok=True)
    for path in (args.out / "offline.json", args.json):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, indent=1) + "\n")
    return result, files.write_report(result)


def _policy(args: argparse.Namespace, robot: RobotModel, recording: Recording) -> DualSystem:
    if args.policy == HOLD:
        return hold_policy(robot)
    folder = args.policy
    if args.policy == RANDOM:
        from vla_core.policies.dial.random_policy import make_random_policy

        words = " ".join((args.instruction or INSTRUCTION, *recording.instructions))
        folder = make_random_policy(args.out / RANDOM, args.robot, words, args.seed)
    return load_policy(folder, args.backend)
