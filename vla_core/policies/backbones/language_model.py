"""The sentence encoder as a language model whose prompt goes on behind the words.

All tokens of an encoder see each other; of a language model, a token sees those before it. Here the
words see each other, as they were pretrained to, and nothing of what is put behind them; that sees
the words. So the words' keys and values are computed once an instruction, and are to the last bit
what they are without a prompt. Of what is put behind, all but the last see each other, and the last
one, the token whose state is wanted, sees all: nothing depends on it, so it can learn while the
rest is as it was.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vla_core.policies.backbones.sentence_network import load_network

if TYPE_CHECKING:
    from collections.abc import Iterable


class LanguageModel(nn.Module):
    """Frozen; gradients pass through it to what is put behind the words.

    Args:
        folder: of the installed sentence encoder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.network = load_network(folder)["sentence"].requires_grad_(False)

    @property
    def width(self) -> int:
        """Numbers of a state."""
        return self.network.token.embedding_dim

    def words(self, pieces: Tensor) -> Tensor:
        """One instruction's word pieces `(1, n)` to `(1, layers, n, 2 * width)` keys and values."""
        network = self.network
        x = network.norm(network.token(pieces) + network.position.weight[: pieces.shape[1]])
        kept = []
        for block in network.blocks:
            kept.append(block.attention.key_value(x))
            x = block.seeing(x, kept[-1])
        return torch.stack(kept, dim=1)

    def behind(self, rows: Tensor, words: Tensor, known: Tensor | None = None) -> Tensor:
        """State of the last token in the last layer.

        Args:
            rows: `(batch, m, width)` embeddings of what is put behind the words; they bring their
                own places.
            words: `(batch, layers, n, 2 * width)`.
            known: `(batch, n)` bool, which of the words there are; None: all.

        Returns:
            `(batch, width)`.
        """
        network = self.network
        shown = self._shown(rows, words, known)
        x = network.norm(rows)
        for layer, block in enumerate(network.blocks):
            own = block.attention.key_value(x)
            x = block.seeing(x, torch.cat([words[:, layer], own], dim=1), shown)
        return x[:, -1]

    def _shown(self, rows: Tensor, words: Tensor, known: Tensor | None) -> Tensor:
        """`(batch, 1, m, n + m)`: the words to all, the last token to itself alone."""
        count = rows.shape[1]
        last = torch.arange(count, device=rows.device) == count - 1
        among = (~last[None] | last[:, None])[None].expand(len(rows), -1, -1)
        if known is None:
            known = torch.ones_like(words[:, 0, :, 0], dtype=torch.bool)
        return torch.cat([known[:, None].expand(-1, count, -1), among], dim=2)[:, None]


def padded_words(each: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Instructions beside each other.

    Args:
        each: `LanguageModel.words` of one instruction.

    Returns:
        `(instructions, layers, longest, 2 * width)`, and `(instructions, longest)` bool, which of
        the words there are.
    """
    each = list(each)
    longest = max(words.shape[2] for words in each)
    kept = torch.cat([nn.functional.pad(w, (0, 0, 0, longest - w.shape[2])) for w in each])
    count = torch.tensor([words.shape[2] for words in each])
    return kept, torch.arange(longest) < count[:, None]


class _Words(LanguageModel):
    def forward(self, pieces: Tensor) -> Tensor:
        return self.words(pieces)


class _Behind(LanguageModel):
    def forward(self, rows: Tensor, words: Tensor) -> Tensor:
        return self.behind(rows, words)


#: Networks of a language model by name, with their inputs and which axis of each may be longer.
_PARTS = {
    "words": (_Words, {"pieces": {1: "n"}}),
    "behind": (_Behind, {"rows": {1: "m"}, "words": {2: "n"}}),
}


def example_inputs(folder: Path) -> dict[str, dict[str, Tensor]]:
    """Of each network its inputs by name, in their shapes and types."""
    sizes = json.loads((folder / "config.json").read_text())
    width, layers = sizes["hidden_size"], sizes["num_hidden_layers"]
    words = torch.zeros(1, layers, 9, 2 * width)
    return {
        "words": {"pieces": torch.ones(1, 9, dtype=torch.int64)},
        "behind": {"rows": torch.zeros(1, 5, width), "words": words},
    }


def export(folder: Path) -> None:
    """Write `words.onnx` and `behind.onnx` beside the weights."""
    for name, inputs in example_inputs(folder).items():
        kind, axes = _PARTS[name]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the export speaks of itself
            torch.onnx.export(
                kind(folder).eval(),
                tuple(inputs.values()),
                str(folder / f"{name}.onnx"),
                input_names=list(inputs),
                output_names=["out"],
                dynamic_axes=axes,
                dynamo=False,
                opset_version=17,
            )
