"""DIAL, section 3.2, with a pretrained vision-language model in the place of the small System 2."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vla_core.policies.backbones.vlm import language_model, rotary_positions
from vla_core.policies.backbones.vlm_sizes import VlmSizes
from vla_core.policies.blocks.transformer import mlp
from vla_core.policies.dial.system2 import Foreseeing


class PromptedVlm(nn.Module):
    """Causal attention over [prompt with the pictures in it, learnable queries].

    Args:
        vlm: its sizes.
        grid: tokens of a picture's side.
        queries: how many.
    """

    def __init__(self, vlm: VlmSizes, grid: int, queries: int) -> None:
        super().__init__()
        self.llm = language_model(vlm)
        self.queries = nn.Parameter(0.02 * torch.randn(queries, vlm.width))
        self.norm = nn.Identity()  # its last layer has one
        self._picture_token, self._grid = vlm.picture_token, grid
        self.freeze_text()

    def freeze_text(self) -> None:
        """Section 3.4: the text embedding stays frozen; with adapters all that they adapt."""
        if self.adapted:
            for name, parameter in self.llm.named_parameters():
                parameter.requires_grad_("lora_" in name)
        self.llm.get_input_embeddings().requires_grad_(False)

    @property
    def adapted(self) -> bool:
        """Whether adapters learn in the place of the model's own weights."""
        return hasattr(self.llm, "merge_and_unload")

    def adapt(self, rank: int) -> None:
        """Put low-rank adapters to all matrices (Hu et al. 2021, arXiv 2106.09685), by `peft`.

        They say nothing at first: W + 2 B A, with B = 0.

        Args:
            rank: of A and B.
        """
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
        self.llm = get_peft_model(self.llm, adapters)
        self.freeze_text()

    def merge(self) -> None:
        """Add the adapters to the matrices, and let them go."""
        if self.adapted:
            self.llm = self.llm.merge_and_unload()

    def tokens(self, features: Tensor, words: Tensor) -> Tensor:
        """All tokens after the last layer.

        Args:
            features: `(batch, patches, levels * width)`, as `VlmVision` sees.
            words: `(batch, tokens)` int64, as `VlmPrompt` tells; less than 0 where nothing is.

        Returns:
            `(batch, tokens + queries, width)`.
        """
        batch, width = len(words), self.queries.shape[1]
        queries = self.queries.expand(batch, -1, -1)
        absent = words.new_zeros(queries.shape[:2], dtype=torch.bool)
        known = torch.cat([words >= 0, ~absent], dim=1)
        before = known.new_ones(known.shape[1], known.shape[1]).tril()
        pictures = torch.cat([words == self._picture_token, absent], dim=1)
        seen, *deeper = (level.flatten(0, 1) for level in features.split(width, dim=-1))

        told = self.llm.get_input_embeddings()(words.clamp(min=0))
        x = torch.cat([told, queries.to(told.dtype)], dim=1)
        x = x.masked_scatter(pictures[..., None], seen.to(x.dtype))
        shown = {"visual_pos_masks": pictures, "deepstack_visual_embeds": deeper} if deeper else {}
        return self.llm(
            inputs_embeds=x,
            attention_mask=known[:, None, None] & before,
            position_ids=rotary_positions(pictures, known, self._grid),
            use_cache=False,
            **shown,
        ).last_hidden_state


class ForesightVlm(Foreseeing, PromptedVlm):
    """The foresight in the space of the model's own vision encoder, which it sees by.

    Args:
        vlm, grid: as `PromptedVlm`.
        patches, feature_width: of what it sees, and foresees.
    """

    def __init__(self, vlm: VlmSizes, grid: int, patches: int, feature_width: int) -> None:
        super().__init__(vlm, grid, patches)
        self.patches, self.same_space = patches, True
        self.head = mlp(vlm.width, 2 * vlm.width, feature_width)
