"""Vision-language models of transformers' own classes, tiny and random, as folders of weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from vla_core.policies.backbones.vlm_prompt import TOKENIZER
from vla_core.policies.backbones.vlm_sizes import PICTURE, VlmSizes
from vla_core.policies.dial.sizes import DialSizes

MARKS = ("<|im_start|>", "<|im_end|>", *PICTURE)
WORDS = "system user assistant You are a helpful . put the red blue block on yellow pad pick up"
_PIECES = ("[UNK]", *MARKS, *WORDS.split())
WIDTH = 16
_TEXT = {
    "vocab_size": len(_PIECES), "hidden_size": WIDTH, "intermediate_size": 24,
    "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
_VISION = {
    "depth": 3, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
    "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": WIDTH,
}  # fmt: skip
_OWN = {
    "qwen2_5_vl": (
        {"rope_theta": 1e6, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}},
        {"window_size": 16, "fullatt_block_indexes": [2]},
    ),
    "qwen3_vl": (
        {
            "rope_theta": 5e6, "head_dim": 8,
            "rope_scaling": {
                "rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True
            },
        },
        {"num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]},
    ),
}  # fmt: skip
KINDS = tuple(_OWN)


def tiny_vlm(kind: str, weights: str | Path) -> dict:
    """`model.vlm` of a configuration; side 8 pixels a token."""
    text, vision = _OWN[kind]
    config = {
        "model_type": kind,
        "image_token_id": _PIECES.index(PICTURE[1]),
        "vision_start_token_id": _PIECES.index(PICTURE[0]),
        "text_config": _TEXT | text,
        "vision_config": _VISION | vision,
    }
    return {
        "weights": str(weights), "config": config, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4],
        "prompt_tokens": 30,
    }  # fmt: skip


def dial_sizes(vlm: dict, **changes: object) -> DialSizes:
    """Of a DIAL whose System 2 it is, with two cameras of 4 x 4 tokens."""
    sizes = {
        "image_size": 32, "cameras": 2, "vit_stem": (), "vit_layers": 0, "system2_width": 0,
        "system2_layers": 0, "fusion_width": 12, "fusion_layers": 1, "dit_width": 12,
        "dit_layers": 2, "heads": 3, "state": 47, "horizon": 5, "vocabulary": (), "euler_steps": 4,
        "vision": "vlm", "language": "vlm", "vlm": vlm,
    }  # fmt: skip
    return DialSizes(**{**sizes, **changes})


def write_vlm(folder: Path, kind: str, seed: int = 1) -> dict:
    """A folder as transformers saves it, with tokenizer; returns `model.vlm` of it."""
    from transformers import AutoModel
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from vla_core.policies.backbones.vlm import whole_config

    vlm = tiny_vlm(kind, folder)
    torch.manual_seed(seed)
    model = AutoModel.from_config(whole_config(VlmSizes(**vlm)))
    with torch.no_grad():
        for parameter in model.parameters():  # fresh biases are zero, fresh norms one
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        image_mean=vlm["mean"], image_std=vlm["std"], patch_size=4, merge_size=2,
        size={"shortest_edge": 64, "longest_edge": 10_000},
    ).save_pretrained(folder)  # fmt: skip
    tokenizer = Tokenizer(WordLevel({p: k for k, p in enumerate(_PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    tokenizer.save(str(folder / TOKENIZER))
    return json.loads(json.dumps(vlm))
