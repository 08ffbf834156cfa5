"""CLaD's training, whole: encoder, dynamics (stage 1), policy (stage 2), corrections, prefix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.blocks.words import encode_words
from vla_core.policies.clad.batches import dynamics_batch, policy_batch
from vla_core.policies.clad.config import CORRECTED, DYNAMICS, POLICY, PREFIX
from vla_core.policies.clad.losses import DynamicsLearning, PolicyLearning
from vla_core.policies.clad.model import Clad
from vla_core.policies.clad.moments import Moments
from vla_core.policies.clad.ship import ship
from vla_core.policies.clad.sizes import CladSizes
from vla_core.policies.clad.targets import TargetEncoders
from vla_core.policies.clad.validation import foresight_errors, policy_errors
from vla_core.policies.visuomotor.chained_recipe import ChainedRecipe
from vla_core.policies.visuomotor.recipe import Show, below
from vla_core.policies.visuomotor.windows import Windows
from vla_core.training.mixture import Mixture
from vla_core.training.trainer import Trainer


#: Moments that features are normalised by, at most.
_FITTED = 2000


class CladRecipe(ChainedRecipe):
    """The dynamics learn from demonstrations alone; each stage after goes on from the last."""

    CORRECTED, COMMITTED, write = CORRECTED, (PREFIX,), staticmethod(ship)
    model_kind, sizes_kind = Clad, CladSizes

    @property
    def own(self) -> tuple[str, ...]:
        """All stages beside the encoder's, in order."""
        first = (DYNAMICS, POLICY) if self.config.foresees else (POLICY,)
        return (*first, *self.corrected, *self.committed)

    def warm_up(self) -> dict[str, dict[str, float]]:
        """Both of the paper's stages."""
        first = self.own[: self.own.index(POLICY) + 1]
        return {stage: self.train_alone(stage) for stage in first}

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Any stage but the encoder's."""
        training = self.windows("training")
        model = self.load_stages(self.with_vit(self.new_model()), *self.before[stage])
        if not self.before[stage]:
            model.fit_features(self.seen(training, model.sizes))
        schedule, seed = self.config.stages[stage], self.config.seed
        of_dynamics = stage == DYNAMICS
        longest = self.config.committed_steps if stage == PREFIX else 0
        if of_dynamics:
            learning = DynamicsLearning(model, self.config.dynamics, schedule.steps)
        else:
            learning = PolicyLearning(model, longest)
        trainer = Trainer(self.folder, stage, learning, schedule, seed, self.config.compute)
        normalisation = self.normalisation(training)
        build = dynamics_batch if of_dynamics else policy_batch
        longest_lag = 0 if of_dynamics else self.config.longest_lag

        def draw(windows: Windows, rows: np.ndarray, rng: np.random.Generator) -> dict:
            lag = rng.integers(longest_lag + 1, size=len(rows))
            return build(windows, rows, lag, normalisation)

        held_out = self.windows("held_out")
        rows, _ = self.held_out_rows(held_out)
        check = build(held_out, rows, np.zeros_like(rows), normalisation)
        check = {key: value.to(trainer.accelerator.device) for key, value in check.items()}

        def validate() -> dict[str, float]:
            if of_dynamics:
                return foresight_errors(learning, check)
            return policy_errors(learning, check, normalisation, longest)

        return trainer.run(Mixture(self.sources(stage, training), draw), validate, show)

    def seen(self, training: Windows, sizes: CladSizes) -> torch.Tensor:
        """Features of moments to learn from, evenly spread over all, `(moments, places, width)`."""
        frames = np.unique(np.linspace(0, len(training.features) - 1, _FITTED, dtype=int))
        features = torch.from_numpy(training.features[frames].astype(np.float32))
        return averaged(features, sizes.cameras, sizes.grid)

    def ship(self, out: Path, metrics: dict[str, dict[str, float]], *stages: str) -> None:
        """Write a policy's folder with the weights of finished `stages`, and recorded moments."""
        super().ship(out, metrics, *stages)
        if self.config.foresees:
            self.moments().save(out)

    def moments(self) -> Moments:
        """Of the demonstrations to learn from, as the targets of stage 1 have them."""
        model = self.load_stages(self.with_vit(self.new_model()), DYNAMICS).eval()
        targets = TargetEncoders(model.dynamics)
        targets.load_state_dict(below("targets.", self.final(DYNAMICS)))

        @torch.no_grad()
        def semantics(pictures: np.ndarray, instruction: str) -> np.ndarray:
            sizes = model.sizes
            words = encode_words(instruction, sizes.vocabulary, sizes.max_words)
            features = model.vit(torch.from_numpy(pictures)[None])
            return targets.semantic(features, torch.from_numpy(words)[None])[0].numpy()

        return Moments.of(self.demonstrations.split()[0], self.config.cameras, semantics)
