"""How DIAL's System 2 understands instructions: as every such policy, or by its own VLM."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.placement import Placement
from vla_core.policies.backbones.vlm_prompt import TOKENIZER, VlmPrompt
from vla_core.policies.dial.sizes import DialSizes
from vla_core.policies.visuomotor.language import Language, card_clause, open_language


def language_of(model: dict, placement: Placement, folder: Path) -> Language:
    """What turns instructions into what System 2 takes; errors as `open_language`.

    Args:
        model: sizes of the networks, by name.
        folder: of the policy, or the run; holds the tokenizer of a vision-language model.
    """
    if not model.get("vlm"):
        return open_language(model, placement)
    sizes = DialSizes(**model)
    tokens = sizes.patches // sizes.cameras
    return VlmPrompt(sizes.vlm, sizes.cameras, tokens, folder / TOKENIZER)


def instructions_clause(sizes: DialSizes) -> str:
    """Of the model card."""
    if sizes.vlm:
        return f"instructions in free text, as {sizes.vlm.weights} reads them"
    return card_clause(sizes.language, sizes.vocabulary)
