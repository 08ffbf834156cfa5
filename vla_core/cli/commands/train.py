"""Train a policy from its configuration."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

HELP = "train a policy: demonstrations, encoder, stage 1, stage 2; resumes what was interrupted"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `vla train`."""
    parser.add_argument("config", help="name under config/training, or a YAML")
    parser.add_argument("--work", type=Path, help="data and checkpoints (default out/train/NAME)")
    parser.add_argument("--dataset", type=Path, help="LeRobot data set, not the configuration's")
    parser.add_argument(
        "--interventions", type=Path, help="data set of corrections, not the configuration's"
    )
    parser.add_argument("--out", type=Path, help="the policy (default WORK/policy)")


def run(args: argparse.Namespace) -> int:
    """Train to the end, whatever was there already."""
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is imported
    from vla_core.errors import ConfigError
    from vla_core.paths import training_file
    from vla_core.training.config import TrainingConfig
    from vla_core.training.dial_recipe import DialRecipe

    config = TrainingConfig.load(training_file(args.config))
    if args.dataset and not config.dataset:
        raise ConfigError("--dataset", f"{config.name} learns from the expert, not from a data set")
    if args.dataset:
        config = replace(config, dataset=replace(config.dataset, folder=args.dataset))
    if args.interventions and not config.interventions:
        raise ConfigError(
            "--interventions", f"{config.name} has no `interventions`: their share and use"
        )
    if args.interventions:
        named = replace(config.interventions, folder=args.interventions)
        config = replace(config, interventions=named)
    work = args.work or Path("out/train") / config.name
    out = args.out or work / "policy"
    DialRecipe(config, work).run(out)
    if config.dataset:
        tried = f"vla replay {config.dataset.folder} --offline --policy {out}"
    else:
        tried = f"vla eval --policy {out}"
    print(f"policy in {out}; try it: {tried}")
    return 0
