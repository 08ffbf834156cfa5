"""Started by `torchrun`: processes that train together what one trains alone."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from tiny_vlm import dial_sizes, tiny_vlm
from torch import Tensor
from torch.nn.functional import mse_loss

from vla_core.policies.dial.losses import EndToEnd, ForesightWarmup
from vla_core.policies.dial.model import Dial
from vla_core.training.compute import Compute
from vla_core.training.processes import processes
from vla_core.training.trainer import Schedule, Trainer

BATCH, STEPS, SEED = 4, 6, 3
VLM = tiny_vlm("qwen2_5_vl", "")
PICTURE, TOKENS = VLM["config"]["image_token_id"], 32


class Killed(Exception):
    """The power goes, everywhere."""


def new_dial() -> Dial:
    torch.manual_seed(SEED)
    dial = Dial(dial_sizes(VLM))
    with torch.no_grad():
        dial.velocity.out.weight.normal_(std=0.1)
    return dial


def drawn(rng: torch.Generator, count: int) -> dict[str, Tensor]:
    """Random windows."""
    shapes = {"past": (TOKENS, 16), "current": (TOKENS, 16), "future": (TOKENS, 16)}
    shapes |= {"state": (47,), "actions": (5, 47)}
    words = torch.randint(5, 20, (count, TOKENS + 10), generator=rng)
    words[:, 2 : 2 + TOKENS] = PICTURE
    batch = {key: torch.randn(count, *shape, generator=rng) for key, shape in shapes.items()}
    return {**batch, "words": words}


class Shared:
    """Each process gets its part of the batches that one process gets whole."""

    def __init__(self, process: int, processes: int) -> None:
        self.part, self.rng = (process, processes), torch.Generator().manual_seed(SEED)

    def __call__(self, rng, count: int) -> dict[str, Tensor]:
        process, processes = self.part
        whole = drawn(self.rng, count * processes)
        return {key: value[process * count : (process + 1) * count] for key, value in whole.items()}


class Own:
    """Each process draws its own; saves at a step, fails at another, if told."""

    def __init__(self, saved_at: int = 0, killed_at: int = 0) -> None:
        self.count, self.saved_at, self.killed_at = 0, saved_at, killed_at

    def __call__(self, rng, count: int) -> dict[str, Tensor]:
        self.count += 1
        if self.killed_at and self.count > self.killed_at:
            raise Killed
        Trainer.CHECKPOINT_EVERY_S = -1.0 if self.count == self.saved_at else math.inf
        return drawn(torch.Generator().manual_seed(int(rng.integers(1 << 30))), count)


def together(folder: Path, name: str, batches, processes: int, **compute) -> dict[str, float]:
    """Stage 1 of System 2; its foresight is measured meanwhile."""
    dial, check = new_dial(), drawn(torch.Generator().manual_seed(9), 2)
    schedule = Schedule(steps=STEPS, batch=BATCH // processes, learning_rate=1e-3)
    trainer = Trainer(
        folder, name, ForesightWarmup(dial), schedule, SEED, Compute(sharded=True, **compute)
    )

    def validate() -> dict[str, float]:
        said = dial.intend(check["past"], check["words"]).foresight
        return {"foresight": float(mse_loss(said, check["future"]))}

    return trainer.run(batches, validate)


def apart(folder: Path, name: str, batches: Own) -> Trainer:
    """Stage 2, with noise and draws of each process's own."""
    schedule = Schedule(steps=STEPS, batch=2, learning_rate=1e-3)
    stage = EndToEnd(new_dial())
    trainer = Trainer(folder, name, stage, schedule, SEED, Compute(sharded=True))
    trainer.run(batches)
    return trainer


def main(folder: Path) -> None:
    """All that the tests look at afterwards."""
    Trainer.CHECKPOINT_EVERY_S, Trainer.CHECKPOINT_SHARE = math.inf, math.inf
    count, process = processes(), dist.get_rank()
    together(folder, "shared", Shared(process, count), count)
    low = {"precision": "bfloat16", "checkpointing": True}
    together(folder, "low", Shared(process, count), count, **low)
    matrix = apart(folder, "whole", Own()).plain.dial.system2.llm.layers[0].mlp.up_proj.weight
    try:
        apart(folder, "resumed", Own(saved_at=3, killed_at=4))
    except Killed:
        kept = sorted(path.name for path in (folder / "resumed").glob("step-*/*"))
        apart(folder, "resumed", Own())
    if process == 0:
        told = {"matrix": [matrix.to_local().numel(), matrix.numel()], "checkpoint": kept}
        (folder / "told.json").write_text(json.dumps(told))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
