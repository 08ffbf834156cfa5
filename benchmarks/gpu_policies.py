"""DIAL at paper size on a GPU: memory and time of a training step and of both systems, in minutes.

    .venv/bin/python benchmarks/gpu_policies.py --plan        # counted on device meta, anywhere
    .venv/bin/python benchmarks/gpu_policies.py --json out/gpu_policies.json

Weights are random, of the configuration's sizes. What is measured stands beside what bounds it from
below: operations by the GPU's peak, bytes by its bandwidth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vla_core.contract.placement import Placement
from vla_core.experiments.step_cost import StepCost, step_cost
from vla_core.paths import training_file
from vla_core.policies.dial.config import TrainingConfig
from vla_core.policies.dial.losses import EndToEnd
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.dial.weights import placed_parts
from vla_core.robot.model import RobotModel
from vla_core.statistics.measurement import write_measurement
from vla_core.training.compute import Compute

#: Rounds that compilation and caches take.
_WARM = 3
_GIGA, _TERA = 1e9, 1e12


def sizes_of(config: TrainingConfig) -> DialSizes:
    """Of a run whose words are not known yet."""
    decided = {
        "cameras": len(config.cameras),
        "state": RobotModel.load(config.robot).state_size,
        "vocabulary": (),
    }
    return DialSizes(**decided, **config.model)


def new_dial(config: TrainingConfig, device: str) -> Dial:
    """With random weights, and adapters where the run has them."""
    with torch.device(device):
        dial = Dial(sizes_of(config))
        if config.lora_rank:
            dial.system2.adapt(config.lora_rank)
    return dial


def new_batch(dial: Dial, count: int, device: str) -> dict[str, Tensor]:
    """Random windows."""
    sizes = dial.sizes
    features = (count, dial.vit.patches, dial.vit.width)
    shapes = dict.fromkeys(("past", "current", "future"), features)
    shapes |= {"state": (count, sizes.proprioception)}
    shapes |= {"actions": (count, sizes.horizon, sizes.state)}
    batch = {key: torch.randn(shape, device=device) for key, shape in shapes.items()}
    words = torch.ones(count, sizes.instruction_shape.tokens, dtype=torch.int64, device=device)
    words[:, : sizes.patches] = sizes.vlm.picture_token
    return {**batch, "words": words}


def parts_of(dial: Dial) -> dict[str, nn.Module]:
    """Of which parameters are counted."""
    system2 = dial.system2
    return {
        "vision encoder": dial.vit, "text embedding": system2.llm.get_input_embeddings(),
        "language model": system2.llm, "head": system2.head, "fusion": dial.fusion,
        "diffusion transformer": dial.velocity,
    }  # fmt: skip


def parameters_of(dial: Dial) -> dict[str, int]:
    """By part; the language model without its embedding."""
    counts = {
        name: sum(p.numel() for p in part.parameters()) for name, part in parts_of(dial).items()
    }
    counts["language model"] -= counts["text embedding"]
    return counts


def planned_step(config: TrainingConfig, count: int) -> StepCost:
    """Of stage 2, on device `meta`; of one level of vision alone, as DeepStack's picks cannot be.

    Args:
        count: windows in a batch of one process.
    """
    dial = new_dial(config, "meta")
    return step_cost(EndToEnd(dial), new_batch(dial, count, "meta"))


def planned_systems(config: TrainingConfig) -> dict[str, tuple[float, float]]:
    """Of both systems on one observation operations, and bytes of the weights that are read."""
    dial = new_dial(config, "meta").eval()
    batch, sizes, counted = new_batch(dial, 1, "meta"), dial.sizes, parameters_of(dial)
    noise = torch.empty(sizes.samples, sizes.horizon, sizes.state, device="meta")
    small_patches = sizes.patches * sizes.vlm.config["vision_config"]["spatial_merge_size"] ** 2
    seen = counted["vision encoder"]
    with torch.no_grad(), FlopCounterMode(display=False) as thought:
        dial.system2(batch["past"], batch["words"])
    with FlopCounterMode(display=False) as done:
        dial.sample(batch["current"], batch["future"], batch["state"], noise)
    steps = sizes.euler_steps * counted["diffusion transformer"]
    read = {
        "system2": seen + counted["language model"] + counted["head"],
        "system1": seen + counted["fusion"] + steps,
    }
    flops = {"system2": thought.get_total_flops(), "system1": done.get_total_flops()}
    return {name: (flops[name] + 2 * seen * small_patches, 2 * read[name]) for name in read}


def print_plan(config: TrainingConfig, args: argparse.Namespace) -> None:
    """What a step, and a look, need at least."""
    parameters = parameters_of(new_dial(config, "meta"))
    for name, count in parameters.items():
        print(f"{name:24} {count / _GIGA:7.3f} billion parameters")
    print(f"{'all':24} {sum(parameters.values()) / _GIGA:7.3f}")
    if sizes_of(config).vlm.levels > 1:
        print("DeepStack picks tokens by what they are: more cannot be counted on device meta")
        return
    for name, (flops, read) in planned_systems(config).items():
        bound_s = max(flops / (args.peak_tflops * _TERA), read / (args.bandwidth_tb * _TERA))
        print(f"{name}: {flops / _TERA:.2f} TFLOP, {read / _GIGA:.1f} GB, ", end="")
        print(f"{1e3 * bound_s:.1f} ms or more")
    cost = planned_step(config, args.batch)
    print(f"{cost.learned / _GIGA:.3f} billion parameters learn")
    for processes in sorted({1, args.processes}):
        resident = cost.resident(processes) / _GIGA
        print(f"weights, gradients, optimiser on each of {processes}: {resident:.1f} GB")
    print(f"activations of {args.batch} windows: {cost.kept / _GIGA:.1f} GB, ", end="")
    print(f"with checkpointing {cost.kept_checkpointed / _GIGA:.1f} GB")
    bound_s = cost.flops / (args.peak_tflops * _TERA)
    print(f"{cost.flops / _TERA:.0f} TFLOP a step: {bound_s:.2f} s or more")


def system2(dial: Dial, images: Tensor, words: Tensor) -> Tensor:
    """An observation to a foresight."""
    return dial.system2(dial.vit(images), words)


def system1(dial: Dial, images: Tensor, intent: Tensor, state: Tensor, noise: Tensor) -> Tensor:
    """An observation and a foresight to a chunk."""
    return dial.sample(dial.vit(images), intent, state, noise)


def quantiles_ms(run: Callable[[], Tensor], rounds: int, device: str) -> dict[str, float]:
    """Of a call, from when it is made until it is done."""
    times = []
    for _ in range(_WARM + rounds):
        started = time.perf_counter()
        run()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - started))
    p50, p99 = np.percentile(times[_WARM:], (50, 99))
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


@torch.no_grad()
def measured_systems(config: TrainingConfig, rounds: int, device: str) -> dict[str, dict]:
    """Both systems on one observation, in half precision: eager, compiled, as a CUDA graph."""
    dial = new_dial(config, device).eval()
    names = [name for name, _ in dial.named_children()]
    dial = placed_parts(dial, names, Placement.of("torch precision=bfloat16"))
    batch, sizes = new_batch(dial, 1, device), dial.sizes
    side = sizes.image_size
    images = torch.zeros(1, sizes.cameras, side, side, 3, dtype=torch.uint8, device=device)
    noise = torch.randn(sizes.samples, sizes.horizon, sizes.state, device=device)
    asked = {
        "system2": (system2, (dial, images, batch["words"])),
        "system1": (system1, (dial, images, batch["future"], batch["state"], noise)),
    }
    ways = {"eager": lambda function: function}
    if device != "cpu":
        ways["compiled"] = torch.compile
        ways["graph"] = lambda function: torch.compile(function, mode="reduce-overhead")
    rows = {}
    for name, (function, given) in asked.items():
        for way, made in ways.items():
            run = made(function)
            with torch.autocast(torch.device(device).type, torch.bfloat16):
                rows[f"{name} {way}"] = quantiles_ms(partial(run, *given), rounds, device)
    return rows


def measured_step(config: TrainingConfig, count: int, rounds: int, device: str) -> dict[str, float]:
    """A step of stage 2 on this device alone: time, and the most memory that was taken."""
    stage = EndToEnd(new_dial(config, device))
    compute, place = Compute(precision="bfloat16", checkpointing=True), torch.device(device)
    compute.recompute(stage)
    optimiser = torch.optim.AdamW([p for p in stage.parameters() if p.requires_grad], lr=1e-5)
    batch, noise = new_batch(stage.dial, count, device), torch.Generator(device)

    def step() -> Tensor:
        with compute.autocast(place):
            loss = stage(batch, noise)["loss"]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss

    row = quantiles_ms(step, rounds, device)
    most = torch.cuda.max_memory_allocated() if device != "cpu" else 0
    return {**row, "memory_gb": most / _GIGA}


def main() -> None:
    """Plan, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="dial_paper_lora", help="a run with `model.vlm`")
    parser.add_argument("--batch", type=int, default=16, help="windows a step of one process")
    parser.add_argument("--processes", type=int, default=8, help="that share a training, planned")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--peak-tflops", type=float, default=989.0, help="bfloat16, dense: H100")
    parser.add_argument("--bandwidth-tb", type=float, default=3.35, help="a second: H100")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--plan", action="store_true", help="nothing but the plan")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    config = TrainingConfig.load(training_file(args.config))
    print_plan(config, args)
    if args.plan:
        return
    rows = measured_systems(config, args.rounds, args.device)
    rows["step"] = measured_step(config, args.batch, args.rounds, args.device)
    for name, row in rows.items():
        print(f"{name:20} " + "   ".join(f"{key} {value:.2f}" for key, value in row.items()))
    if args.json:
        write_measurement(args.json, rows)


if __name__ == "__main__":
    main()
