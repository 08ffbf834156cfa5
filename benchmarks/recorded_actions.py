"""A policy trained on a recording, beside what is simpler, on the episodes that were held out.

    ./vla train dial_g1
    .venv/bin/python benchmarks/recorded_actions.py g1 --json out/g1_actions.json

Errors are of joint targets, mean absolute, in the joints' own units (arms rad, hands 0..1). Beside
the policy: holding the measured state; going on at the measured velocity; a small network that sees
measured joints alone; plain behaviour cloning with the same System 1, learning for as many steps,
without a foresight; and the policy with the true future in place of its own. Intervals are of the
mean over episodes (bootstrap, 95 %).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn

from vla_core.metrics.joint_groups import joint_groups
from vla_core.paths import training_file
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.recipe import DialRecipe
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.validation import draw_noise
from vla_core.policies.visuomotor.windows import Windows
from vla_core.progress import counted
from vla_core.result_table import result_table
from vla_core.statistics.measurement import write_measurement
from vla_core.training.progress import StageBars

LOOKAHEADS_S = (0.1, 0.2, 0.5, 1.0)
GROUPS = ("arms", "hands")
_RESAMPLES = 5000
#: Optimiser steps of the network that sees joints alone.
_JOINT_STEPS = 3000


@dataclass(frozen=True)
class Recorded:
    """Every window of some episodes.

    Attributes:
        windows: with the features.
        state: `(windows, state)` at each window's observation.
        velocity: `(windows, dof)` there.
        target: `(windows, H, state)` commanded from then on.
        episode: `(windows,)` which one each is of.
    """

    windows: Windows
    state: np.ndarray
    velocity: np.ndarray
    target: np.ndarray
    episode: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> Recorded:
        """Windows that `vla train` left in its folder."""
        windows = Windows.load(folder)
        frames, within = windows.starts.T
        return cls(
            windows,
            windows.states[frames],
            windows.velocities[frames],
            windows.targets[windows.index.chunks()],
            np.cumsum(within == 0) - 1,
        )


def simple_answers(held_out: Recorded, step_s: float) -> dict[str, np.ndarray]:
    """`(windows, H, state)` targets of holding and of constant velocity."""
    times_s = step_s * np.arange(held_out.target.shape[1])[:, None]
    still = np.repeat(held_out.state[:, None], len(times_s), axis=1)
    going = still.copy()
    going[..., : held_out.velocity.shape[1]] += held_out.velocity[:, None] * times_s
    return {"holding": still, "constant velocity": going}


def joints_alone(training: Recorded, held_out: Recorded, seed: int) -> np.ndarray:
    """`(windows, H, state)` targets of a small network that sees positions and velocities."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)

    def seen(windows: Recorded) -> np.ndarray:
        return np.concatenate([windows.state, windows.velocity], axis=1)

    mean, std = seen(training).mean(axis=0), seen(training).std(axis=0) + 1e-3
    moves = training.target - training.state[:, None]
    scale = moves.std(axis=(0, 1)) + 1e-3
    horizon, width = moves.shape[1:]
    network = nn.Sequential(
        nn.Linear(seen(training).shape[1], 128), nn.GELU(), nn.Dropout(0.1),
        nn.Linear(128, 128), nn.GELU(), nn.Dropout(0.1), nn.Linear(128, horizon * width),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _JOINT_STEPS)
    inputs = torch.from_numpy(((seen(training) - mean) / std).astype(np.float32))
    wanted = torch.from_numpy((moves / scale).astype(np.float32)).flatten(1)
    for _ in counted(range(_JOINT_STEPS), "joints alone"):
        rows = rng.integers(len(inputs), size=256)
        loss = (network(inputs[rows]) - wanted[rows]).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        out = network(torch.from_numpy(((seen(held_out) - mean) / std).astype(np.float32)))
    return held_out.state[:, None] + out.numpy().reshape(-1, horizon, width) * scale


@torch.no_grad()
def dial_answers(
    dial: Dial, normalisation: Normalisation, held_out: Recorded, intent: str
) -> tuple[np.ndarray, np.ndarray]:
    """`(windows, H, state)` targets, and `(windows, 2)` errors of the foresight and of the copy.

    Args:
        normalisation: that the policy was trained with.
        intent: `own`, as fresh as the observation; the true `future`; or `current` for cloning.
    """
    generator = torch.Generator().manual_seed(0)
    chunks, errors = [], []
    rows = np.arange(len(held_out.windows))
    for part in counted(np.array_split(rows, len(rows) // 128 + 1), f"intent: {intent}"):
        batch = held_out.windows.batch(part, np.zeros_like(part), normalisation)
        used = batch["future" if intent == "own" else intent]
        if intent == "own":
            used = dial.system2(batch["past"], batch["words"])
            both = torch.stack([used, batch["past"]], dim=1) - batch["future"][:, None]
            errors.append(both.square().mean(dim=(2, 3)))
        noise = draw_noise(dial.sizes, batch["actions"], generator)
        chunks.append(dial.sample(batch["current"], used, batch["state"], noise))
    targets = normalisation.target(torch.cat(chunks).numpy(), held_out.state)
    return targets, torch.cat(errors).numpy() if errors else np.zeros((0, 2))


def per_episode(values: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """Means of `(windows, ...)` over the windows of each episode."""
    return np.stack([values[episode == e].mean(axis=0) for e in np.unique(episode)])


def mean(values: np.ndarray) -> list[float]:
    """The mean of `(episodes,)` values, and 95 % of its bootstrap."""
    return ratio(values, np.ones_like(values))


def ratio(above: np.ndarray, below: np.ndarray) -> list[float]:
    """The ratio of two means over the same episodes, and 95 % of its bootstrap."""
    rows = np.random.default_rng(0).integers(len(above), size=(_RESAMPLES, len(above)))
    ratios = above[rows].mean(axis=1) / below[rows].mean(axis=1)
    return [float(above.mean() / below.mean()), *map(float, np.quantile(ratios, (0.025, 0.975)))]


def cloning_of(recipe: DialRecipe) -> Dial:
    """Plain cloning: System 1 alone, for as many steps as it learns in the policy; resumed."""
    with StageBars() as bars:
        recipe.train("cloning", bars.bar("cloning", recipe.config.stages["cloning"].steps))
    return recipe.load_stages(recipe.new_model(), "cloning").eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("config", help="name under config/training, or a YAML")
    parser.add_argument("--work", type=Path, help="of `vla train` (default out/train/NAME)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    config = TrainingConfig.load(training_file(args.config))
    work = args.work or Path("out/train") / config.name
    own = config.stages["system1"]
    longer = replace(own, steps=own.steps + config.stages["end_to_end"].steps)
    recipe = DialRecipe(replace(config, stages={**config.stages, "cloning": longer}), work)
    training, held_out = (Recorded.load(work / "windows" / n) for n in ("training", "held_out"))
    normalisation = training.windows.normalisation(config.velocity)

    policy = recipe.load_stages(recipe.new_model(), "end_to_end").eval()
    answers = simple_answers(held_out, 1.0 / recipe.rate_hz)
    answers["joints alone"] = joints_alone(training, held_out, config.seed)
    answers["cloning"], _ = dial_answers(cloning_of(recipe), normalisation, held_out, "current")
    answers["true future"], _ = dial_answers(policy, normalisation, held_out, "future")
    answers["policy"], foresight = dial_answers(policy, normalisation, held_out, "own")
    found = scores(recipe, held_out, answers, foresight)
    print_scores(found)
    if args.json:
        write_measurement(args.json, found)


def scores(
    recipe: DialRecipe, held_out: Recorded, answers: dict[str, np.ndarray], foresight: np.ndarray
) -> dict[str, Any]:
    """Means, each with its interval: `[mean, low, high]`."""
    step_s = 1.0 / recipe.rate_hz
    errors = {
        who: {
            f"{group} {ahead_s:g} s": per_episode(
                np.abs(answer - held_out.target)[:, round(ahead_s / step_s), joints].mean(axis=1),
                held_out.episode,
            )
            for group, joints in joint_groups(recipe.robot).items()
            if group in GROUPS
            for ahead_s in LOOKAHEADS_S
        }
        for who, answer in answers.items()
    }
    policy = errors["policy"]
    seen, copied = per_episode(foresight, held_out.episode).T
    return {
        "episodes": len(seen),
        "windows": len(foresight),
        "error": {who: {c: mean(v) for c, v in of.items()} for who, of in errors.items()},
        "policy_over": {
            who: {c: ratio(policy[c], v) for c, v in of.items()}
            for who, of in errors.items()
            if who != "policy"
        },
        "foresight_error": mean(seen),
        "foresight_error_copy": mean(copied),
        "foresight_over_copy": ratio(seen, copied),
    }


def print_scores(found: dict[str, Any]) -> None:
    """The same as a table."""
    table = result_table("mean absolute error", *found["error"]["policy"])
    for who, values in found["error"].items():
        cells = (f"{v:.4f} ({low:.4f} to {high:.4f})" for v, low, high in values.values())
        table.add_row(who, *cells)
    for who, values in found["policy_over"].items():
        cells = (f"{v:.2f} ({low:.2f} to {high:.2f})" for v, low, high in values.values())
        table.add_row(f"policy / {who}", *cells)
    console = Console(width=220)
    console.print(table)
    share, low, high = found["foresight_over_copy"]
    console.print(
        f"foresight error {found['foresight_error'][0]:.4f}, copy "
        f"{found['foresight_error_copy'][0]:.4f}: {share:.2f} of it ({low:.2f} to {high:.2f}); "
        f"{found['episodes']} episodes, {found['windows']} windows"
    )


if __name__ == "__main__":
    main()
