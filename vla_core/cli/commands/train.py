"""Train a policy from its configuration."""

from __future__ import annotations

import argparse
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
    from vla_core.contract.kind import RecipeArguments
    from vla_core.paths import training_file
    from vla_core.policies.registry import open_recipe
    from vla_core.suites.registry import load_suite

    asked = RecipeArguments(args.work, args.dataset, args.interventions, load_suite)
    recipe = open_recipe(training_file(args.config), asked)
    out = args.out or recipe.folder / "policy"
    recipe.run(out)
    if recipe.dataset:
        tried = f"vla replay {recipe.dataset} --offline --policy {out}"
    else:
        tried = f"vla eval --suite {recipe.shown_by} --policy {out}"
    print(f"policy in {out}; try it: {tried}")
    return 0
