"""One resumable training loop for every stage: accelerate underneath, progress, TensorBoard."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a stage learns.

    Attributes:
        steps: optimiser steps.
        batch: samples a step, on each process.
        learning_rate: peak, after a linear warm-up of 4 % of the steps; then a cosine to zero.
        weight_decay: of AdamW.
        average: decay of the moving average of the weights, which is what is kept; 0 is none.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.01
    average: float = 0.998

    def rate(self, step: int) -> float:
        """Learning rate of a step, as a share of the peak."""
        warm = max(1, self.steps // 25)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))


#: Draws a batch; all its randomness comes from the generator.
Batches = Callable[[np.random.Generator, int], Mapping[str, Tensor]]


class Trainer:
    """Trains `model` and leaves `FOLDER/NAME/final.pt`; killed and started again, it goes on.

    Two runs with the same seed, one of them interrupted, end in the same weights: model, averaged
    weights, optimiser, step, and all random generators are in the checkpoint. Of several
    processes only the first one's generators are; the others go on with new draws.

    Args:
        folder: where checkpoints and TensorBoard's events go.
        name: of the stage.
        model: `model(batch, noise)` gives named losses, of which `loss` is minimised; parameters
            without `requires_grad` stay as they are.
        schedule: how long and how fast.
        seed: of everything random in the stage.
    """

    CHECKPOINT_EVERY_S = 60.0

    def __init__(
        self, folder: Path, name: str, model: nn.Module, schedule: Schedule, seed: int
    ) -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.schedule = schedule
        self.accelerator = Accelerator()
        trained = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(
            trained, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
        )
        self.plain = model
        self.model, self.optimiser = self.accelerator.prepare(model, optimiser)
        self.averaged = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.seed = seed
        process = self.accelerator.process_index
        self.batch_rng = np.random.default_rng((seed, process))
        self.noise = torch.Generator(self.accelerator.device).manual_seed(seed + 1000 * process)
        self.step = 0
        self.trained_s = 0.0
        self.metrics: dict[str, float] = {}

    @property
    def final(self) -> Path:
        """The finished stage's weights."""
        return self.folder / "final.pt"

    def run(
        self,
        batches: Batches,
        validate: Callable[[], Mapping[str, float]] | None = None,
        show: Callable[[int, str], None] = lambda step, text: None,
    ) -> dict[str, float]:
        """Train to the end and load the averaged weights into the model.

        Args:
            batches: draws training batches.
            validate: measured every tenth of the way, and at the end.
            show: told the step and a word on the loss, now and then.

        Returns:
            The last validation, and `train_s`, the time it took without the interruptions.
        """
        if self.final.exists():
            stored = torch.load(self.final, weights_only=True)
            self.plain.load_state_dict(stored["model"])
            return stored["metrics"]
        self._resume()
        saved = time.monotonic()
        started = saved - self.trained_s
        writer = SummaryWriter(str(self.folder)) if self.accelerator.is_main_process else None
        text = ""
        while self.step < self.schedule.steps:
            values = self._one(batches)
            if self.step % 20 == 0:
                show(self.step, f"loss {values['loss'].item():.4f}{text}")
                for key, value in values.items():
                    writer and writer.add_scalar(f"train/{key}", value.item(), self.step)
            at_tenth = self.step % max(1, self.schedule.steps // 10) == 0
            if validate and (at_tenth or self.step == self.schedule.steps):
                self.metrics = self._validate(validate)
                for key, value in self.metrics.items():
                    writer and writer.add_scalar(f"validation/{key}", value, self.step)
                text = "".join(f"  {key} {value:.3f}" for key, value in self.metrics.items())
            if time.monotonic() - saved > self.CHECKPOINT_EVERY_S:
                self.trained_s = time.monotonic() - started
                self._save(self.folder / "resume.pt")
                saved = time.monotonic()
        show(self.step, text.strip())
        metrics = {**self.metrics, "train_s": round(time.monotonic() - started, 1)}
        self.plain.load_state_dict(self.averaged)
        if self.accelerator.is_main_process:
            _write({"model": self.averaged, "metrics": metrics}, self.final)
            (self.folder / "resume.pt").unlink(missing_ok=True)
        return metrics

    def _one(self, batches: Batches) -> Mapping[str, Tensor]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * self.schedule.rate(self.step)
        device = self.accelerator.device
        batch = {k: v.to(device) for k, v in batches(self.batch_rng, self.schedule.batch).items()}
        values = self.model(batch, self.noise)
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(values["loss"])
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        decay = min(self.schedule.average, self.step / (self.step + 10))
        with torch.no_grad():
            for key, value in self.plain.state_dict().items():
                if value.is_floating_point():
                    self.averaged[key].lerp_(value, 1.0 - decay)
        return values

    def _validate(self, validate: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        current = {k: v.detach().clone() for k, v in self.plain.state_dict().items()}
        self.plain.load_state_dict(self.averaged)
        self.plain.eval()
        with torch.no_grad():
            metrics = {key: float(value) for key, value in validate().items()}
        self.plain.train()
        self.plain.load_state_dict(current)
        return metrics

    def _save(self, path: Path) -> None:
        if self.accelerator.is_main_process:
            _write(
                {
                    "step": self.step,
                    "trained_s": self.trained_s,
                    "metrics": self.metrics,
                    "model": self.plain.state_dict(),
                    "averaged": self.averaged,
                    "optimiser": self.optimiser.state_dict(),
                    "batch_rng": self.batch_rng.bit_generator.state,
                    "noise": self.noise.get_state(),
                    "dropout": self._dropout.get_rng_state(),
                },
                path,
            )

    @property
    def _dropout(self) -> ModuleType:
        """Where the state of the generator is that dropout draws from."""
        return torch.cuda if self.accelerator.device.type == "cuda" else torch

    def _resume(self) -> None:
        path = self.folder / "resume.pt"
        if not path.exists():
            return
        stored = torch.load(path, weights_only=True, map_location=self.accelerator.device)
        self.step = stored["step"]
        self.trained_s, self.metrics = stored["trained_s"], stored["metrics"]
        self.plain.load_state_dict(stored["model"])
        self.averaged = stored["averaged"]
        self.optimiser.load_state_dict(stored["optimiser"])
        if process := self.accelerator.process_index:
            self.batch_rng = np.random.default_rng((self.seed, process, self.step))
            self.noise.manual_seed(self.seed + 1000 * process + 1_000_000 * self.step)
            torch.manual_seed(self.noise.initial_seed())
        else:
            self.batch_rng.bit_generator.state = stored["batch_rng"]
            self.noise.set_state(stored["noise"].cpu())
            self._dropout.set_rng_state(stored["dropout"].cpu())


def _write(content: dict, path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.rename(path)
