"""An instruction as tokens of a transformer."""

from __future__ import annotations

from torch import nn

from vla_core.policies.blocks.words import InstructionShape


def text_layer(instruction: InstructionShape, width: int) -> nn.Embedding | nn.Linear:
    """An embedding of word ids; or a linear projection of a sentence encoder's embedding.

    Args:
        instruction: what comes in, `(batch, tokens)` or `(batch, tokens, instruction.width)`.
        width: of what goes out, `(batch, tokens, width)`.
    """
    if instruction.width:
        return nn.Linear(instruction.width, width)
    return nn.Embedding(instruction.words, width)
