"""One resumable training loop for every stage: accelerate underneath, progress, TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils.tensorboard import SummaryWriter

from vla_core.training import checkpoint
from vla_core.training.compute import Compute
from vla_core.training.processes import new_accelerator
from vla_core.training.schedule import Schedule

#: Draws a batch; all its randomness comes from the generator.
Batches = Callable[[np.random.Generator, int], Mapping[str, Tensor]]
_PLAIN = Compute()


class Trainer:
    """Trains `model` and leaves `FOLDER/NAME/final.pt`; killed and started again, it goes on.

    Two runs with the same seed, one of them interrupted, end in the same weights: model, averaged
    weights, optimiser, step, and each process's random generators are in the checkpoint. A process
    more than there were goes on with new draws.

    Args:
        folder: where checkpoints and TensorBoard's events go.
        name: of the stage.
        model: `model(batch, noise)` gives named losses, of which `loss` is minimised; parameters
            without `requires_grad` stay as they are.
        schedule: how long and how fast.
        seed: of everything random in the stage.
        compute: in what precision, and shared among processes how.
    """

    CHECKPOINT_EVERY_S = 60.0
    #: Of the time, at most, that checkpoints take.
    CHECKPOINT_SHARE = 0.05

    def __init__(
        self,
        folder: Path,
        name: str,
        model: nn.Module,
        schedule: Schedule,
        seed: int,
        compute: Compute = _PLAIN,
    ) -> None:
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.schedule = schedule
        self.compute = compute
        self.accelerator = new_accelerator()
        self.plain = model
        self.done = self._finished()
        self.sharded = compute.sharded and self.accelerator.num_processes > 1
        self.model = self._spread(model)
        self.optimiser = torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad],
            lr=schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98),
        )  # fmt: skip
        self.averaged = {}
        if schedule.average:
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
        """The finished stage's weights, whole."""
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
            show: told the step and a word on the loss, now and then; by the first process.

        Returns:
            The last validation, and `train_s`, the time it took without the interruptions.
        """
        if self.done is not None:
            return self.done
        self._resume()
        saved, took = time.monotonic(), 0.0
        started = saved - self.trained_s
        main = self.accelerator.is_main_process
        writer = SummaryWriter(str(self.folder)) if main else None
        show = show if main else lambda step, text: None
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
            now = time.monotonic()
            wait = max(self.CHECKPOINT_EVERY_S, took / self.CHECKPOINT_SHARE)
            if self._agreed(now - saved > wait):
                self.trained_s = now - started
                self._save()
                saved = time.monotonic()
                took = saved - now
        show(self.step, text.strip())
        metrics = {**self.metrics, "train_s": round(time.monotonic() - started, 1)}
        self.plain.load_state_dict(self.averaged or self.plain.state_dict())
        self._finish(metrics)
        return metrics

    def _spread(self, model: nn.Module) -> nn.Module:
        """The model on this process's device, as it is called there."""
        self.compute.recompute(model)
        if self.sharded:
            self.compute.shard(model, self.accelerator.device, self.accelerator.num_processes)
            return model
        return self.accelerator.prepare(model)

    def _one(self, batches: Batches) -> Mapping[str, Tensor]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.learning_rate * self.schedule.rate(self.step)
        device = self.accelerator.device
        batch = {k: v.to(device) for k, v in batches(self.batch_rng, self.schedule.batch).items()}
        with self.compute.autocast(device):
            values = self.model(batch, self.noise)
        self.optimiser.zero_grad(set_to_none=True)
        values["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.plain.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        decay = min(self.schedule.average, self.step / (self.step + 10))
        with torch.no_grad():
            for key, value in self.plain.state_dict().items():
                if key in self.averaged and value.is_floating_point():
                    self.averaged[key].lerp_(value, 1.0 - decay)
        return values

    def _validate(self, validate: Callable[[], Mapping[str, float]]) -> dict[str, float]:
        self._swap_averaged()
        self.plain.eval()
        if self.sharded:
            self.plain.unshard()  # what its layers have not themselves; they are asked one by one
        with torch.no_grad(), self.compute.autocast(self.accelerator.device):
            metrics = {key: float(value) for key, value in validate().items()}
        if self.sharded:
            self.plain.reshard()
        self.plain.train()
        self._swap_averaged()
        return metrics

    @torch.no_grad()
    def _swap_averaged(self) -> None:
        """Weights and averaged ones change places, one after the other."""
        for key, value in self.plain.state_dict().items():
            if key in self.averaged:
                kept = value.clone()
                value.copy_(self.averaged[key])
                self.averaged[key].copy_(kept)

    def _agreed(self, due: bool) -> bool:
        """What the first process says, to all."""
        if self.accelerator.num_processes == 1:
            return due
        said = torch.tensor(int(due), device=self.accelerator.device)
        dist.broadcast(said, 0)
        return bool(said.item())

    def _finished(self) -> dict[str, float] | None:
        """The metrics of a stage that was trained to its end, its weights loaded."""
        if not self.final.exists():
            return None
        stored = torch.load(self.final, weights_only=True)
        self.plain.load_state_dict(stored["model"])
        return stored["metrics"]

    def _finish(self, metrics: dict[str, float]) -> None:
        """Write the weights whole, whichever process has which of them."""
        state = {key: whole(value) for key, value in self.plain.state_dict().items()}
        if self.accelerator.is_main_process:
            part = self.final.with_suffix(".part")
            torch.save({"model": state, "metrics": metrics}, part)
            part.rename(self.final)
            checkpoint.remove(self.folder)
        self.accelerator.wait_for_everyone()

    def _tensors(self) -> dict[str, Mapping]:
        """What a checkpoint holds of all processes together; read into the same places."""
        moments = {
            name: dict(self.optimiser.state[parameter])
            for name, parameter in self.plain.named_parameters()
            if parameter in self.optimiser.state
        }
        return {
            "model": self.plain.state_dict(), "averaged": self.averaged, "optimiser": moments
        }  # fmt: skip

    def _save(self) -> None:
        own = {
            "step": self.step,
            "trained_s": self.trained_s,
            "metrics": self.metrics,
            "batch_rng": self.batch_rng.bit_generator.state,
            "noise": self.noise.get_state(),
            "dropout": self._dropout.get_rng_state(),
        }
        process = self.accelerator.process_index
        checkpoint.save(self.folder, self.step, self._tensors(), own, process)

    @property
    def _dropout(self) -> ModuleType:
        """Where the state of the generator is that dropout draws from."""
        return torch.cuda if self.accelerator.device.type == "cuda" else torch

    def _resume(self) -> None:
        path = checkpoint.newest(self.folder)
        if path is None:
            return
        known = checkpoint.names(path)
        for name, parameter in self.plain.named_parameters():
            if f"optimiser.{name}.step" in known:
                self.optimiser.state[parameter] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        process = self.accelerator.process_index
        stored, own = checkpoint.load(path, self._tensors(), process)
        self.step = stored["step"]
        self.trained_s, self.metrics = stored["trained_s"], stored["metrics"]
        if own:
            self.batch_rng.bit_generator.state = stored["batch_rng"]
            self.noise.set_state(stored["noise"].cpu())
            self._dropout.set_rng_state(stored["dropout"].cpu())
        else:
            self.batch_rng = np.random.default_rng((self.seed, process, self.step))
            self.noise.manual_seed(self.seed + 1000 * process + 1_000_000 * self.step)
            torch.manual_seed(self.noise.initial_seed())


def whole(value: Tensor) -> Tensor:
    """A tensor that may be in parts, on the host; all processes ask at once."""
    return (value.full_tensor() if isinstance(value, DTensor) else value).cpu()
