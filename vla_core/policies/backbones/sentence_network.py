"""The sentence encoder's network, in torch, and its ONNX file."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from vla_core.policies.blocks.transformer import Attention, mlp

#: Names of a block's parts here -> in the package's file.
_NAMES = {
    "attention.query": "attention.self.query",
    "attention.out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "mlp.0": "intermediate.dense",
    "mlp.2": "output.dense",
    "norm2": "output.LayerNorm",
}


class PostNormBlock(nn.Module):
    """BERT's transformer layer (Devlin et al. 2018), which normalises what it has added up."""

    def __init__(self, width: int, heads: int, eps: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width, eps)
        self.mlp = mlp(width, 4 * width)
        self.norm2 = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, n, width)` -> the same shape."""
        return self.seeing(x, self.attention.key_value(x))

    def seeing(self, x: Tensor, key_value: Tensor, mask: Tensor | None = None) -> Tensor:
        """The layer with given keys and values, as `Attention.mix` takes them."""
        x = self.norm1(x + self.attention.mix(x, key_value, mask))
        return self.norm2(x + self.mlp(x))


class SentenceNetwork(nn.Module):
    """One sentence's word pieces to its numbers; there is no padding.

    Args:
        pieces: size of the vocabulary.
        longest: sentence that positions are known for [pieces].
        width, layers, heads: of the transformer.
        eps: of its normalisation.
    """

    def __init__(
        self, pieces: int, longest: int, width: int, layers: int, heads: int, eps: float
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(pieces, width)
        self.position = nn.Embedding(longest, width)
        self.norm = nn.LayerNorm(width, eps)
        self.blocks = nn.ModuleList(PostNormBlock(width, heads, eps) for _ in range(layers))

    def forward(self, pieces: Tensor) -> Tensor:
        """`(1, n)` int64 -> `(1, width)`."""
        x = self.norm(self.token(pieces) + self.position.weight[: pieces.shape[1]])
        for block in self.blocks:
            x = block(x)
        return normalize(x.mean(dim=1), dim=-1)


def load_network(folder: Path) -> nn.ModuleDict:
    """The network `sentence`, with the weights of an installed backbone's folder."""
    sizes = json.loads((folder / "config.json").read_text())
    network = SentenceNetwork(
        sizes["vocab_size"],
        sizes["max_position_embeddings"],
        sizes["hidden_size"],
        sizes["num_hidden_layers"],
        sizes["num_attention_heads"],
        sizes["layer_norm_eps"],
    )
    network.load_state_dict(_state(load_file(folder / "model.safetensors"), len(network.blocks)))
    return nn.ModuleDict({"sentence": network}).eval()


def _state(found: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """By our names; what BERT adds to the first of two sentences is part of the positions."""
    embeddings = {name: found[f"embeddings.{name}_embeddings.weight"] for name in _EMBEDDINGS}
    state = {
        "token.weight": embeddings["word"],
        "position.weight": embeddings["position"] + embeddings["token_type"][0],
    }
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = found[f"embeddings.LayerNorm.{kind}"]
        for layer in range(layers):
            ours, theirs = f"blocks.{layer}", f"encoder.layer.{layer}"
            for name, other in _NAMES.items():
                state[f"{ours}.{name}.{kind}"] = found[f"{theirs}.{other}.{kind}"]
            both = [found[f"{theirs}.attention.self.{name}.{kind}"] for name in ("key", "value")]
            state[f"{ours}.attention.key_value.{kind}"] = torch.cat(both)
    return state


_EMBEDDINGS = ("word", "position", "token_type")


def example_inputs() -> dict[str, dict[str, Tensor]]:
    """Its inputs by name, in their shapes and types; sentences may have another length."""
    return {"sentence": {"pieces": torch.ones(1, 9, dtype=torch.int64)}}


def export(folder: Path) -> None:
    """Write `sentence.onnx` beside the weights."""
    inputs = example_inputs()["sentence"]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the export speaks of itself
        torch.onnx.export(
            load_network(folder)["sentence"],
            tuple(inputs.values()),
            str(folder / "sentence.onnx"),
            input_names=list(inputs),
            output_names=["out"],
            dynamic_axes={"pieces": {1: "pieces"}},
            dynamo=False,
            opset_version=17,
        )
