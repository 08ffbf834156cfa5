"""The chunk policy's training, whole: encoder, cloning, corrections, the plan in execution."""

from __future__ import annotations

import numpy as np
import torch

from vla_core.policies.chunk.config import CLONING, CORRECTED, PREFIX
from vla_core.policies.chunk.losses import Cloning
from vla_core.policies.chunk.model import ChunkModel
from vla_core.policies.chunk.ship import ship
from vla_core.policies.chunk.sizes import ChunkSizes
from vla_core.policies.visuomotor.chained_recipe import ChainedRecipe
from vla_core.policies.visuomotor.recipe import Show
from vla_core.policies.visuomotor.validation import chunk_errors
from vla_core.policies.visuomotor.windows import Windows
from vla_core.training.augmentation import shifted
from vla_core.training.mixture import Mixture
from vla_core.training.trainer import Trainer


class ChunkRecipe(ChainedRecipe):
    """Every stage after the encoder trains the same networks, each from the weights of the last."""

    CORRECTED, COMMITTED, write = CORRECTED, (PREFIX,), staticmethod(ship)
    model_kind, sizes_kind = ChunkModel, ChunkSizes

    @property
    def own(self) -> tuple[str, ...]:
        """All stages beside the encoder's, in order."""
        return (CLONING, *self.corrected, *self.committed)

    def warm_up(self) -> dict[str, dict[str, float]]:
        """Cloning of the demonstrations alone."""
        return {CLONING: self.train_alone(CLONING)}

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Any stage but the encoder's."""
        training, held_out = self.windows("training"), self.windows("held_out")
        normalisation = self.normalisation(training)
        model = self.load_stages(self.with_vit(self.new_model()), *self.before[stage])
        prefix = self.config.committed_steps if stage == PREFIX else 0
        schedule, seed = self.config.stages[stage], self.config.seed
        learning, compute = Cloning(model, prefix), self.config.compute
        trainer = Trainer(self.folder, stage, learning, schedule, seed, compute)

        def draw(windows: Windows, rows: np.ndarray, rng: np.random.Generator) -> dict:
            batch = windows.now(rows, normalisation)
            if model.sizes.learns_to_see:
                batch["current"] = shifted(batch["current"], rng)
            return batch

        batches = Mixture(self.sources(stage, training), draw)
        rows, _ = self.held_out_rows(held_out)
        device = trainer.accelerator.device
        check = {k: v.to(device) for k, v in held_out.now(rows, normalisation).items()}

        def sample(noise: torch.Tensor, *prefix: torch.Tensor) -> torch.Tensor:
            return model.sample(check["words"], check["current"], check["state"], noise, *prefix)

        def validate() -> dict[str, float]:
            return chunk_errors(sample, model.sizes, check, normalisation, prefix)

        return trainer.run(batches, validate, show)
