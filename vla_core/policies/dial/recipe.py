"""DIAL's training, whole: encoder, decoupled warm-up (stage 1), end to end (stage 2), and what
System 1 learns of the plan in execution."""

from __future__ import annotations

import queue
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vla_core.contract.abilities import TrainingSuite
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.backbones.vlm_prompt import TOKENIZER
from vla_core.policies.dial.config import (
    COMMITTED,
    STAGE_2,
    SYSTEM2_ENCODER,
    WARM_UP,
    TrainingConfig,
)
from vla_core.policies.dial.language import language_of
from vla_core.policies.dial.losses import (
    ActionWarmup,
    EndToEnd,
    ForesightWarmup,
    ForwardDynamics,
    PrefixConditioning,
)
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.ship import ship
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.dial.validation import validate, validate_forward
from vla_core.policies.dial.weights import load_dial
from vla_core.policies.visuomotor.language import Language
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.recipe import Show, VisuomotorRecipe, below
from vla_core.policies.visuomotor.windows import Windows, draws
from vla_core.recordings.hand_video import HandVideo, read_videos
from vla_core.training.mixture import Mixture, Source
from vla_core.training.processes import processes
from vla_core.training.progress import StageBars
from vla_core.training.trainer import Trainer

#: Of videos of another embodiment, and of their windows.
ACTION_FREE = "action_free"


class DialRecipe(VisuomotorRecipe):
    """Stage 2 has up to three parts, each learned from corrections besides."""

    CORRECTED, COMMITTED, write = STAGE_2, COMMITTED, staticmethod(ship)

    def __init__(
        self, config: TrainingConfig, folder: Path, suite: TrainingSuite | None = None
    ) -> None:
        super().__init__(config, folder, suite)
        #: The policy whose weights all begins with, if there is one.
        self.start = PolicyManifest.load(policy_folder(config.start)) if config.start else None
        self.warmed_up = tuple(stage for stage in WARM_UP if stage in config.stages)
        self.before = {
            "system2": (),
            "system1": (),
            **{
                stage: tuple(self.corrected[:part][-1:]) or self.warmed_up
                for part, stage in enumerate(self.corrected)
            },
            "prefix": tuple(self.corrected[-1:]),
            "forward": (),
            "cloning": (),
        }
        if self.start and round(1.0 / self.start.step_s, 6) != self.rate_hz:
            raise ConfigError(
                config.name,
                f"demonstrations have {self.rate_hz:g} frames a second, `start: {config.start}` "
                f"has steps of {self.start.step_s:g} s",
            )

    @property
    def encoders(self) -> dict[str, str]:
        """The shared one, and System 2's own where it has one."""
        own = {SYSTEM2_ENCODER: "system2_vit"} if SYSTEM2_ENCODER in self.config.stages else {}
        return super().encoders | own

    def begun_with(self) -> dict[str, Any]:
        """The policy that it began with, and the videos."""
        begun = {"weights_begun_with": self.start.name} if self.start else {}
        if vlm := self.config.model.get("vlm"):
            begun["vision-language model"] = f"{vlm['weights']} {vlm.get('revision', '')}".strip()
        if self.config.action_free:
            begun["action_free_windows"] = len(self.windows(ACTION_FREE))
            begun["action_free_share"] = self.config.action_free.share
        return begun

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Stage 1's halves `system2` and `system1`, a part of stage 2, `prefix` or `forward`.

        Or `cloning`, which no recipe has: what System 1 would be without System 2, to compare with.
        """
        training, held_out = self.windows("training"), self.windows("held_out")
        normalisation = self.normalisation(training)
        model = self.with_vit(self.new_model(stage))
        model = self.load_stages(model, *self.before[stage])
        longest = self.config.committed_steps
        objectives = {
            "system2": lambda: ForesightWarmup(model),
            "system1": lambda: ActionWarmup(model),
            "prefix": lambda: PrefixConditioning(model, longest),
            "forward": lambda: ForwardDynamics(model.forward_model),
            "cloning": lambda: ActionWarmup(model, "current"),
        }
        learns = self.config.system2_learns
        module = objectives.get(stage, lambda: EndToEnd(model, learns))()
        schedule, seed = self.config.stages[stage], self.config.seed
        trainer = Trainer(self.folder, stage, module, schedule, seed, self.config.compute)

        draw = draws(normalisation, longest if stage == "forward" else 0)
        batches = Mixture(self.sources(stage, training), draw)
        rows, rng = self.held_out_rows(held_out)
        ahead = rng.integers(1, longest + 1, size=len(rows)) if stage == "forward" else None
        check = held_out.batch(rows, np.zeros_like(rows), normalisation, ahead)
        check = {key: value.to(trainer.accelerator.device) for key, value in check.items()}
        if stage == "forward":
            return trainer.run(batches, lambda: validate_forward(module, check), show)
        prefix = longest if stage == "prefix" else 0
        return trainer.run(
            batches, lambda: validate(stage, model, check, normalisation, prefix), show
        )

    def encode(self) -> None:
        """The demonstrations, and the videos of another embodiment."""
        super().encode()
        folder = self.folder / "windows" / ACTION_FREE
        if self.config.action_free and not (folder / "starts.npy").exists():
            self.save_windows(self.videos(), folder)

    def sources(self, stage: str, training: Windows) -> list[Source]:
        """Of every batch the videos' share, and the other sources in what is left of it."""
        found, action_free = super().sources(stage, training), self.config.action_free
        if action_free is None or stage not in action_free.stages:
            return found
        rest = 1.0 - action_free.share
        windows = self.windows(ACTION_FREE)
        return [
            *(s._replace(windows=s.windows.all_known(), share=rest * s.share) for s in found),
            Source(windows, windows.weights(), action_free.share),
        ]

    def videos(self) -> list[HandVideo]:
        """Of another embodiment, shown where they are not recorded.

        Raises:
            ConfigError: there are none, or they do not fit the policy's cameras and steps.
        """
        action_free, folder = self.config.action_free, self.folder / ACTION_FREE
        size = self.config.image_size
        if action_free.videos:
            self.suite.show_hands(folder, self.config.robot, action_free.videos, size)
        else:
            folder = Path(action_free.folder)
        return read_videos(folder, self.config.cameras, size, self.rate_hz)

    def instructions(self) -> list[str]:
        """Also those of videos that the suite did not show."""
        action_free, told = self.config.action_free, super().instructions()
        if action_free and action_free.folder:
            told += [video.instruction for video in self.videos()]
        return told

    def new_model(self, *stages: str) -> Dial:
        """The networks at their first weights; words are those of the tasks.

        With stage `forward` among the `stages` it has a forward model, else not.
        """
        model = self._begun_model(*stages).train()
        if self.config.lora_rank:
            torch.manual_seed(self.config.seed)
            model.system2.adapt(self.config.lora_rank)
        return model

    def _begun_model(self, *stages: str) -> Dial:
        if self.start:
            return load_dial(policy_folder(self.config.start), self.start)
        layers = self.config.model["forward_layers"] if "forward" in stages else 0
        sizes = {**self.stored_sizes(DialSizes), "forward_layers": layers}
        torch.manual_seed(self.config.seed)
        model = Dial(DialSizes(**sizes))
        if vlm := model.sizes.vlm:
            from vla_core.policies.backbones.vlm_weights import load_vlm

            load_vlm(vlm, model.vit, model.system2.llm, model.sizes.image_size)
        return model

    def language(self, sizes: DialSizes) -> Language:
        """What turns instructions into what System 2 takes; the run keeps a VLM's tokenizer."""
        if sizes.vlm and not (self.folder / TOKENIZER).exists():
            from vla_core.policies.backbones.vlm_weights import tokenizer_file

            shutil.copy(tokenizer_file(sizes.vlm), self.folder / TOKENIZER)
        placement = Placement(threads=torch.get_num_threads())
        return language_of(asdict(sizes), placement, self.folder)

    def ship(self, out: Path, metrics: dict[str, dict[str, float]], *stages: str) -> None:
        """Write a policy's folder, with the tokenizer that it reads by."""
        super().ship(out, metrics, *stages)
        if self.config.model.get("vlm"):
            shutil.copy(self.folder / TOKENIZER, out / TOKENIZER)

    def load_stages(self, model: Dial, *stages: str) -> Dial:
        """Put the finished stages' weights into `model`, each its own part."""
        for stage in stages:
            weights = self.final(stage)
            if stage not in ("system2", "forward"):
                weights = below("dial.", weights)
            if stage == "system1":
                weights = {k: v for k, v in weights.items() if not k.startswith("system2.")}
            model.load_state_dict({**model.state_dict(), **weights})
        return model

    def normalisation(self, training: Windows) -> Normalisation:
        """Of the policy that all began with, as its weights know no other; or of what is there."""
        return Normalisation.of(self.start) if self.start else super().normalisation(training)

    def warm_up(self) -> dict[str, dict[str, float]]:
        """Stage 1: the two systems do not need each other, so on a CPU each takes half the cores."""
        stages = self.warmed_up
        if not stages:
            return {}
        apart = torch.get_num_threads() > 1 and not torch.cuda.is_available()
        if processes() > 1 or not apart:
            with StageBars() as bars:
                return {stage: self.train(stage, self.bar(bars, stage)) for stage in stages}
        context = get_context("spawn")
        threads = torch.get_num_threads() // 2
        with (
            context.Manager() as manager,
            ProcessPoolExecutor(2, mp_context=context) as pool,
            StageBars() as bars,
        ):
            told = manager.Queue()
            shows = {stage: self.bar(bars, stage) for stage in stages}
            futures = {
                stage: pool.submit(
                    _train_apart, self.config, self.folder, self.suite, stage, threads, told
                )
                for stage in stages
            }
            while not all(future.done() for future in futures.values()):
                try:
                    stage, step, text = told.get(timeout=0.5)
                except queue.Empty:
                    continue
                shows[stage](step, text)
            return {stage: future.result() for stage, future in futures.items()}


def _train_apart(
    config: TrainingConfig,
    folder: Path,
    suite: TrainingSuite | None,
    stage: str,
    threads: int,
    told,
) -> dict[str, float]:
    torch.set_num_threads(threads)
    return DialRecipe(config, folder, suite).train(
        stage, lambda step, text: told.put((stage, step, text))
    )
