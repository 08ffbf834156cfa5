"""F1's training, whole: encoder, tokeniser, the stages of the experts, corrections, prefix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vla_core.contract.episode import Episode
from vla_core.policies.f1.config import CORRECTED, GENERATION, PREFIX, REACTIVE, TOKENISER
from vla_core.policies.f1.losses import GenerationLearning, PolicyLearning
from vla_core.policies.f1.model import F1
from vla_core.policies.f1.ship import ship
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.f1.tokeniser_learning import (
    PICTURES,
    VALIDATION,
    PictureBatches,
    TokeniserLearning,
    tokeniser_errors,
)
from vla_core.policies.f1.validation import generation_errors, policy_errors
from vla_core.policies.f1.windows import CodedWindows, coded
from vla_core.policies.visuomotor.chained_recipe import ChainedRecipe
from vla_core.policies.visuomotor.recipe import Show, below
from vla_core.policies.visuomotor.windows import Windows
from vla_core.training.mixture import Mixture
from vla_core.training.trainer import Trainer


class F1Recipe(ChainedRecipe):
    """The tokeniser before all that is kept of a picture; then the experts, stage by stage."""

    CORRECTED, COMMITTED, write = CORRECTED, (PREFIX,), staticmethod(ship)
    model_kind, sizes_kind = F1, F1Sizes

    @property
    def windows_kind(self) -> type[Windows]:
        """Of what it learns from."""
        return CodedWindows if self.config.foresees else Windows

    @property
    def own(self) -> tuple[str, ...]:
        """The experts' stages, in order."""
        return self.config.own

    def encode(self) -> None:
        """Train the tokeniser, whose codes are then kept with the windows."""
        if self.config.foresees:
            self.train_alone(TOKENISER)
        super().encode()

    def warm_up(self) -> dict[str, dict[str, float]]:
        """All stages before corrections; of the tokeniser what was measured when it learned."""
        later = (*self.corrected, *self.committed)
        own = [stage for stage in self.own if stage not in later]
        first = [TOKENISER] if self.config.foresees else []
        return {stage: self.train_alone(stage) for stage in (*first, *own)}

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Any stage but the encoder's."""
        if stage == TOKENISER:
            return self._train_tokeniser(show)
        training, held_out = self.windows("training"), self.windows("held_out")
        normalisation = self.normalisation(training)
        model = self.load_stages(self.with_vit(self.new_model()), *self.before[stage])
        learning = self._learning(stage, model)
        schedule, seed = self.config.stages[stage], self.config.seed
        trainer = Trainer(self.folder, stage, learning, schedule, seed, self.config.compute)

        def batch(windows: Windows, rows: np.ndarray) -> dict[str, torch.Tensor]:
            if not isinstance(windows, CodedWindows):
                return windows.now(rows, normalisation)
            return windows.moments(rows, normalisation, model.sizes)

        rows, _ = self.held_out_rows(held_out)
        device = trainer.accelerator.device
        check = {key: value.to(device) for key, value in batch(held_out, rows).items()}

        def validate() -> dict[str, float]:
            if stage == GENERATION:
                return generation_errors(learning, check)
            longest = self.config.committed_steps if stage == PREFIX else 0
            return policy_errors(learning, check, normalisation, longest)

        draw = Mixture(self.sources(stage, training), lambda windows, rows, _: batch(windows, rows))
        return trainer.run(draw, validate, show)

    def _learning(self, stage: str, model: F1) -> nn.Module:
        config = self.config
        if stage == GENERATION:
            return GenerationLearning(model)
        foresees = config.foresees and stage != REACTIVE
        weight = config.generation_weight if foresees else None
        longest = config.committed_steps if stage == PREFIX else 0
        return PolicyLearning(model, weight, config.frozen_generation, longest)

    def _train_tokeniser(self, show: Show) -> dict[str, float]:
        model, camera = self.new_model(), self.config.cameras[0]
        training, held_out = (
            PictureBatches.of([Episode.load(path) for path in paths], camera, most)
            for paths, most in zip(self.demonstrations.split(), (PICTURES, VALIDATION), strict=True)
        )
        learning = TokeniserLearning(model.tokeniser)
        schedule, seed = self.config.stages[TOKENISER], self.config.seed
        trainer = Trainer(self.folder, TOKENISER, learning, schedule, seed, self.config.compute)

        def validate() -> dict[str, float]:
            scales = model.sizes.predicted_scales
            return tokeniser_errors(model.tokeniser, held_out.pictures, scales)

        return trainer.run(training, validate, show)

    def save_windows(self, episodes: Sequence[Episode], folder: Path) -> None:
        """Compute features and codes of every frame once."""
        if not self.config.foresees:
            return super().save_windows(episodes, folder)
        model, rate = self.with_vit(self.new_model()), self.rate_hz
        windows = Windows.build(
            episodes,
            model.vit,
            self.robot,
            self.config.cameras,
            model.sizes,
            rate,
            self.language(model.sizes),
        )
        reach = windows.horizon * windows.stride
        codes = coded(episodes, model.tokeniser, self.config.cameras[0], reach)
        CodedWindows.of(windows, codes).save(folder)

    def with_vit(self, model: F1) -> F1:
        """`model` with the pretrained encoder, and tokeniser."""
        model = super().with_vit(model)
        if self.config.foresees:
            model.tokeniser.load_state_dict(below("tokeniser.", self.final(TOKENISER)))
        return model
