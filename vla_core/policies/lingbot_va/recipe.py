"""LingBot-VA's training, whole: autoencoder, video, both streams, corrections, prefix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vla_core.contract.episode import Episode
from vla_core.errors import ConfigError
from vla_core.policies.lingbot_va.config import CORRECTED, JOINT, PREFIX, VAE, VIDEO
from vla_core.policies.lingbot_va.initialisation import Start, begin_actions
from vla_core.policies.lingbot_va.losses import JointLearning, VideoLearning
from vla_core.policies.lingbot_va.model import LingBotVa
from vla_core.policies.lingbot_va.ship import ship
from vla_core.policies.lingbot_va.sizes import WAN, LingBotSizes
from vla_core.policies.lingbot_va.unified_action import UnifiedScaling
from vla_core.policies.lingbot_va.units import Units
from vla_core.policies.lingbot_va.vae_learning import (
    VALIDATION,
    ClipBatches,
    VaeLearning,
    vae_errors,
)
from vla_core.policies.lingbot_va.validation import policy_errors, video_errors
from vla_core.policies.visuomotor.chained_recipe import ChainedRecipe
from vla_core.policies.visuomotor.recipe import Show, below
from vla_core.training.mixture import Mixture
from vla_core.training.trainer import Trainer


class LingBotRecipe(ChainedRecipe):
    """The autoencoder before all that is kept of a picture; then the streams, stage by stage."""

    CORRECTED, COMMITTED, write = CORRECTED, (PREFIX,), staticmethod(ship)
    model_kind, sizes_kind, windows_kind = LingBotVa, LingBotSizes, Units

    @property
    def own(self) -> tuple[str, ...]:
        """The streams' stages, in order."""
        return self.config.own

    @property
    def decided(self) -> dict[str, Any]:
        """Sizes of the networks that data and robot decide."""
        decided = super().decided
        return {name: decided[name] for name in ("cameras", "vocabulary")}

    def encode(self) -> None:
        """Train the autoencoder, whose latents are then kept."""
        if VAE in self.config.stages:
            self.train_alone(VAE)
        super().encode()

    def warm_up(self) -> dict[str, dict[str, float]]:
        """All stages before corrections; of the autoencoder what was measured when it learned."""
        later = (*self.corrected, *self.committed)
        own = [stage for stage in self.own if stage not in later]
        first = [VAE] if VAE in self.config.stages else []
        return {stage: self.train_alone(stage) for stage in (*first, *own)}

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Any stage."""
        if stage == VAE:
            return self._train_vae(show)
        training, held_out = self.windows("training"), self.windows("held_out")
        scaling, length = self.normalisation(training), self.config.sequence
        model = self.load_stages(self.with_vit(self.new_model()), *self.before[stage])
        if stage == JOINT:
            torch.manual_seed(self.config.seed)
            begin_actions(model.streams, Start(self.config.action_start))
        schedule, seed = self.config.stages[stage], self.config.seed
        trainer = Trainer(self.folder, stage, self._learning(stage, model), schedule, seed)

        def draw(units: Units, rows: np.ndarray, _: np.random.Generator) -> dict:
            return units.batch(rows, length, scaling)

        rows, _ = self.held_out_rows(held_out)
        wanted = model.sizes.history + 1 + model.sizes.chunk_frames
        whole = held_out.of_one_row(wanted)
        if not len(whole):
            raise ConfigError(
                f"{self.config.name}: held_out", f"no held-out episode has {wanted} latent frames"
            )
        device = trainer.accelerator.device
        check = held_out.batch(whole[rows % len(whole)], wanted, scaling)
        check = {key: value.to(device) for key, value in check.items()}

        def validate() -> dict[str, float]:
            if stage == VIDEO:
                return video_errors(model, check)
            longest = self.config.committed_steps if stage == PREFIX else 0
            return policy_errors(model, check, scaling, longest)

        return trainer.run(Mixture(self.sources(stage, training), draw), validate, show)

    def _learning(self, stage: str, model: LingBotVa) -> nn.Module:
        if stage == VIDEO:
            return VideoLearning(model)
        config = self.config
        forward = 0.0 if stage == JOINT else config.forward_share
        longest = config.committed_steps if stage == PREFIX else 0
        return JointLearning(model, config.inverse_weight, forward, longest)

    def _train_vae(self, show: Show) -> dict[str, float]:
        sizes, paths = self.new_model().sizes, self.demonstrations.split()
        training, held_out = ([Episode.load(path) for path in part] for part in paths)
        every = sizes.frame_steps * round(training[0].rate_hz / self.rate_hz)
        clips = [
            ClipBatches(episodes, self.config.cameras, every, sizes.vae_moments)
            for episodes in (training, held_out)
        ]
        learning = VaeLearning(self.new_model().vae)
        trainer = Trainer(self.folder, VAE, learning, self.config.stages[VAE], self.config.seed)
        check = clips[1].some(VALIDATION)
        return trainer.run(clips[0], lambda: vae_errors(learning.vae, check), show)

    def save_windows(self, episodes: Sequence[Episode], folder: Path) -> None:
        """Compute latent frames once."""
        model = self.with_vit(self.new_model())
        units = Units.build(
            episodes,
            model.vae,
            self.robot,
            self.config.cameras,
            model.sizes,
            self.rate_hz,
            self.language(model.sizes),
            self.config.sequence,
        )
        units.save(folder)

    def normalisation(self, training: Units) -> UnifiedScaling:
        """Of what is there to learn from."""
        return training.scaling()

    def new_model(self, *stages: str) -> LingBotVa:
        """The networks at their first weights: with Wan's video stream where it is named."""
        model = super().new_model(*stages)
        if self.config.wan:
            from vla_core.policies.lingbot_va.wan import read_wan

            weights = read_wan(Path(self.config.wan), model.sizes)
            model.streams.load_state_dict(weights, strict=False)
        return model

    def with_vit(self, model: LingBotVa) -> LingBotVa:
        """`model` with the trained autoencoder, or with Wan's."""
        if model.sizes.vae != WAN:
            model.vae.load_state_dict(below("vae.", self.final(VAE)))
        elif self.config.wan:
            model.vae.read(Path(self.config.wan))
        return model
