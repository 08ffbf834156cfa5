"""OpenHelix's training, whole: encoder, System 1 alone, both joined, corrections, prefix."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vla_core.policies.backbones.catalogue import SENTENCE
from vla_core.policies.backbones.language_model import LanguageModel
from vla_core.policies.backbones.sentence import Pieces
from vla_core.policies.openhelix.config import ALIGNED, CORRECTED, JOINED, POLICY, PREFIX
from vla_core.policies.openhelix.hands import HandScaling
from vla_core.policies.openhelix.losses import Joined, PolicyAlone
from vla_core.policies.openhelix.model import OpenHelix
from vla_core.policies.openhelix.ship import ship
from vla_core.policies.openhelix.sizes import OpenHelixSizes
from vla_core.policies.openhelix.told import Told
from vla_core.policies.openhelix.validation import chunk_errors
from vla_core.policies.openhelix.vocabulary import Vocabulary, words_of
from vla_core.policies.openhelix.windows import PlacedWindows
from vla_core.policies.visuomotor.chained_recipe import ChainedRecipe
from vla_core.policies.visuomotor.language import Language
from vla_core.policies.visuomotor.recipe import Show
from vla_core.training.mixture import Mixture
from vla_core.training.trainer import Trainer


class OpenHelixRecipe(ChainedRecipe):
    """Both systems learn from demonstrations alone; each stage goes on from the last."""

    CORRECTED, COMMITTED, write = CORRECTED, (PREFIX,), staticmethod(ship)
    windows_kind = PlacedWindows
    model_kind, sizes_kind = OpenHelix, OpenHelixSizes

    @property
    def own(self) -> tuple[str, ...]:
        """All stages beside the encoder's, in order."""
        optional = [stage for stage in (POLICY, ALIGNED) if stage in self.config.stages]
        return (*optional, JOINED, *self.corrected, *self.committed)

    @property
    def decided(self) -> dict[str, Any]:
        """Sizes of the networks that data and robot decide."""
        return {"cameras": len(self.config.cameras), "hands": len(self.robot.end_effectors)}

    @cached_property
    def texts(self) -> list[str]:
        """All instructions, sorted."""
        return sorted(set(self.instructions()))

    def language(self, sizes: OpenHelixSizes) -> Language:
        """An instruction's text to its number among all."""
        return lambda text: np.array([self.texts.index(text)])

    def normalisation(self, training: PlacedWindows) -> HandScaling:
        """Of the hands' trajectories."""
        return training.scaling()

    def warm_up(self) -> dict[str, dict[str, float]]:
        """The pretrained policy, and both of the paper's stages."""
        first = self.own[: self.own.index(JOINED) + 1]
        return {stage: self.train_alone(stage) for stage in first}

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Any stage but the encoder's."""
        training, held_out = self.windows("training"), self.windows("held_out")
        scaling = self.normalisation(training)
        learning, language = self.learning(stage, scaling)
        schedule, seed = self.config.stages[stage], self.config.seed
        trainer = Trainer(self.folder, stage, learning, schedule, seed, self.config.compute)
        language.to(trainer.accelerator.device)
        longest_lag = 0 if stage == POLICY else self.config.longest_lag

        def draw(windows: PlacedWindows, rows: np.ndarray, rng: np.random.Generator) -> dict:
            return windows.placed_batch(
                rows, rng.integers(longest_lag + 1, size=len(rows)), scaling
            )

        rows, _ = self.held_out_rows(held_out)
        check = held_out.placed_batch(rows, np.zeros_like(rows), scaling)
        check = {key: value.to(trainer.accelerator.device) for key, value in check.items()}

        def validate() -> dict[str, float]:
            return chunk_errors(learning, check, scaling)

        return trainer.run(Mixture(self.sources(stage, training), draw), validate, show)

    def learning(
        self, stage: str, scaling: HandScaling
    ) -> tuple[PolicyAlone | Joined, LanguageModel]:
        """What a stage trains, and the frozen language model beside it."""
        model = self.load_stages(self.with_vit(self.new_model()), *self.before[stage])
        model.denoiser.std.copy_(torch.from_numpy(scaling.std))
        language, pieces = self._read()
        told, weights = Told(language, pieces, self.texts), self.config.losses
        if stage == POLICY:
            return PolicyAlone(model, told, weights), language
        longest = self.config.committed_steps if stage == PREFIX else 0
        policy = stage != ALIGNED
        joined = Joined(model, told, language, weights, self.config.tunes, policy, longest)
        return joined, language

    def ship(self, out: Path, metrics: dict[str, dict[str, float]], *stages: str) -> None:
        """Write a policy's folder with the weights of finished `stages`, and words to show."""
        super().ship(out, metrics, *stages)
        language, pieces = self._read()
        words = words_of(self.texts)
        Vocabulary(words, Told(language, pieces, words).sentences.numpy()).save(out)

    def _read(self) -> tuple[LanguageModel, Pieces]:
        folder = SENTENCE.require()
        return LanguageModel(folder), Pieces(folder)
