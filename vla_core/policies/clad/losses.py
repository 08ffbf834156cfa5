"""CLaD's training objectives, a module a stage: `forward(batch, noise)` gives the named losses.

A batch (`vla_core.policies.clad.batches`), of a moment t at which the dynamics are asked:

- features of the frozen encoder `past` v_{t-n}, `current` v_t and `future` v_{t+n}, each
  `(batch, patches, width)`; `words` `(batch, max_words)`;
- `states` `(batch, 2, proprioception)`, p_{t-n} and p_t; `future_state` p_{t+n};
- `executed` `(batch, n, state)` a_{t-n:t} and `known` `(batch, n)`, which of them there were;
- for the policy, some steps later, `seen` v, `state` p, and `actions` `(batch, n, state)`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize

from vla_core.policies.blocks.denoising import denoising_loss
from vla_core.policies.blocks.patch_grid import averaged
from vla_core.policies.clad.config import DynamicsConfig
from vla_core.policies.clad.model import Clad
from vla_core.policies.clad.targets import TargetEncoders, momentum
from vla_core.policies.samplers.diffusion import Prediction, signal_powers

Batch = Mapping[str, Tensor]


def prediction_loss(foreseen: Tensor, target: Tensor) -> Tensor:
    """Eq. 17, of one modality: || z / |z| - sg(z' / |z'|) ||^2, mean over tokens and batch.

    Args:
        foreseen, target: `(batch, tokens, d)`; each token is a point of the unit sphere.
    """
    ways = normalize(foreseen, dim=-1) - normalize(target.detach(), dim=-1)
    return ways.square().sum(dim=-1).mean()


def foresee(model: Clad, batch: Batch, shown: Tensor) -> Tensor:
    """f_t `(batch, L_p + L_s, d)`; of actions those that are `shown` `(batch, n)`, or none at all."""
    if model.sizes.action_free:
        shown = torch.zeros_like(shown)
    return model.dynamics(
        batch["past"], batch["current"], batch["words"], batch["states"], batch["executed"], shown
    )


class DynamicsLearning(nn.Module):
    """Stage 1: the dynamics, their encoders and the decoders.

    Args:
        model: of which those learn, and nothing else.
        config: weights, masks, momentum.
        steps: K, of the stage.
    """

    def __init__(self, model: Clad, config: DynamicsConfig, steps: int) -> None:
        super().__init__()
        model.requires_grad_(False)
        model.dynamics.requires_grad_(True)
        if model.sizes.action_free:
            model.dynamics.actions.encoder.requires_grad_(False)
        for decoder in (model.state_decoder, model.feature_decoder):
            if decoder is not None:
                decoder.requires_grad_(True)
        self.model = model
        self.targets = TargetEncoders(model.dynamics)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self._config, self._steps = config, steps

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 19: L = L_pred + lambda L_recon, after the targets have followed by a step."""
        if self.training:
            step = int(self.step)
            if step:
                first = self._config.momentum
                self.targets.follow(self.model.dynamics, momentum(first, step, self._steps))
            self.step += 1
        foresight = foresee(self.model, batch, self.shown(batch["known"], noise))
        losses = self.errors(foresight, batch)
        loss = losses["proprioceptive"] + losses["semantic"]
        if self.model.sizes.reconstructs:
            loss = loss + self._config.reconstruction * losses["reconstruction"]
        return {"loss": loss, **losses}

    def shown(self, known: Tensor, noise: torch.Generator) -> Tensor:
        """`(batch, n)` bool: of the known actions those that are not masked (section 4.1).

        Each is masked by itself; in the first part of a curriculum all are (section 10).
        """
        begins = self._config.curriculum * self._steps
        if begins and int(self.step) <= begins:
            return torch.zeros_like(known)
        drawn = torch.rand(known.shape, generator=noise, device=known.device)
        return known & (drawn >= self._config.masked)

    def errors(self, foresight: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Eq. 17 of each modality, and eq. 18 where foresights are decoded.

        L_recon = || R_p(z^p) - p_{t+n} ||^2 + || R_s(z^s) - v_{t+n} ||^2, mean over the numbers, of
        normalised ones.
        """
        model, sizes = self.model, self.model.sizes
        targets = self.targets(batch["future_state"], batch["future"], batch["words"])
        parts = foresight.split(model.conditioning.counts, dim=1)
        kinematic, scene = (prediction_loss(*pair) for pair in zip(parts, targets, strict=True))
        losses = {"proprioceptive": kinematic, "semantic": scene}
        if sizes.reconstructs:
            state, features = model.decode(foresight)
            seen = averaged(batch["future"], sizes.cameras, sizes.grid)
            normal = model.feature_decoder.normal
            losses["reconstruction"] = mse_loss(state, batch["future_state"]) + mse_loss(
                normal(features), normal(seen)
            )
        return losses


class PolicyLearning(nn.Module):
    """Stage 2: conditioning and denoiser, beside dynamics that stay as they are.

    Args:
        model: with trained dynamics.
        longest_prefix: steps of the longest committed prefix that it learns to continue; 0: none.
    """

    def __init__(self, model: Clad, longest_prefix: int = 0) -> None:
        super().__init__()
        model.requires_grad_(False)
        model.conditioning.requires_grad_(True)
        model.denoiser.requires_grad_(True)
        self.model = model
        self._powers = signal_powers(model.sizes.noise_levels)
        self._longest = longest_prefix

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 22: E || e - e(A^k, k | o_t, f_t as o_t modulates it) ||^2."""
        prediction = Prediction(self.model.sizes.predicts)
        loss = denoising_loss(
            self.model.denoiser,
            self.context(batch),
            batch,
            noise,
            self._powers,
            prediction,
            self._longest,
        )
        return {"loss": loss}

    def context(self, batch: Batch) -> Tensor:
        """Eqs. 20 and 21 with the foresight as the frozen dynamics have it."""
        foresight = None
        if self.model.sizes.foresees:
            with torch.no_grad():
                foresight = foresee(self.model, batch, batch["known"])
        return self.model.conditioning(batch["seen"], batch["words"], batch["state"], foresight)
