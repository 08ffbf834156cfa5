"""OpenHelix whole, but for the language model, which is frozen and none of its weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.flow_matching import sample_chunks
from vla_core.policies.openhelix.denoiser import Denoiser
from vla_core.policies.openhelix.scene import Scene
from vla_core.policies.openhelix.sizes import POSE, OpenHelixSizes
from vla_core.policies.openhelix.system2 import ActionHead, Projector, Prompt
from vla_core.policies.visuomotor.vision import new_vit


class OpenHelix(nn.Module):
    """All networks that are trained here.

    Attributes:
        vit: frozen encoder of both systems.
        prompt, head: System 2's, around the language model.
        projector: between the systems.
        instruction: by which System 1 is told the goal while it is trained alone, in the words'
            states: 3D Diffuser Actor's text encoder, which the projector then replaces.
        scene, denoiser: System 1, pi_theta.
    """

    def __init__(self, sizes: OpenHelixSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vit = new_vit(sizes)
        self.prompt = Prompt(sizes, self.vit.width)
        self.head = ActionHead(sizes)
        self.projector = Projector(sizes.language_width, sizes.width)
        self.instruction = nn.Linear(sizes.language_width, sizes.width)
        self.scene = Scene(sizes, self.vit.width)
        self.denoiser = Denoiser(sizes)

    @property
    def intent_space(self) -> nn.Module:
        """What decides the meaning of its intents, for the fingerprint."""
        return nn.ModuleList([self.vit, self.prompt])

    @property
    def policy(self) -> nn.ModuleList:
        """System 1 without what it is told the goal by."""
        return nn.ModuleList([self.scene, self.denoiser])

    @torch.no_grad()
    def sample(
        self, goal: Tensor, batch: Mapping[str, Tensor], noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Chunks from noise by DDIM.

        Args:
            goal: `(batch, width)`.
            batch: as `losses` has it: what is seen, and where.
            noise: `(batch * samples, T, hands * 9)`.

        Returns:
            `(batch, T, hands * 9)` normalised poses, and `(batch, T, hands)` logits of the grips.
        """
        hands, width = batch["hands"], self.sizes.hands * POSE
        scene = batch["places"], batch["shown"], goal
        context = self.scene(batch["current"], hands, *scene)
        said = None

        def denoiser(chunk: Tensor, time: Tensor, *_: Tensor) -> Tensor:
            nonlocal said
            said = self.denoiser(chunk, time, context, *scene, hands)
            return said[..., :width]

        poses = sample_chunks(self.sizes.sampler, denoiser, context, hands, noise)
        grips = said[..., width:]
        return poses, grips.unflatten(0, (len(poses), -1)).mean(dim=1)
