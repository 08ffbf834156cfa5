"""Instructions as a vision-language model is told them; imports neither torch nor transformers."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from vla_core.errors import ConfigError, InstructionError
from vla_core.policies.backbones.vlm_sizes import PICTURE, VlmSizes

#: Behind the end of a prompt.
PADDING = -1
#: The file that knows the model's word pieces, beside its weights and in a policy's folder.
TOKENIZER = "tokenizer.json"
#: Prompts that are kept: a policy is told the same instruction again and again.
_KEPT = 1024


class VlmPrompt:
    """An instruction's text to the whole prompt, with a place for every token of the pictures.

    Args:
        vlm: whose prompt it is.
        pictures: how many.
        tokens: of each.
        file: its `tokenizer.json`.

    Raises:
        ConfigError: the file is missing or unreadable, or has another token for pictures.
    """

    def __init__(self, vlm: VlmSizes, pictures: int, tokens: int, file: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._pieces = Tokenizer.from_file(str(file))
        except Exception as error:  # it raises no other
            raise ConfigError(str(file), f"is not a readable tokenizer ({error})") from error
        self._pieces.no_padding()
        self._pieces.no_truncation()
        begin, token, end = PICTURE
        if (got := self._pieces.token_to_id(token)) != vlm.picture_token:
            raise ConfigError(
                str(file), f"{token} is {got}, model.vlm.config.image_token_id {vlm.picture_token}"
            )
        self._vlm, self._shown = vlm, pictures * tokens
        self._prompt = vlm.prompt.replace("{pictures}", pictures * (begin + tokens * token + end))
        self._encode = lru_cache(_KEPT)(self._encoded)

    def __call__(self, text: str) -> np.ndarray:
        """`(tokens,)` int64, `PADDING` behind the end.

        Raises:
            InstructionError: there is no text, too much, or the model's marks are in it.
        """
        return self._encode(text.strip()).copy()

    def _encoded(self, text: str) -> np.ndarray:
        prompt = self._prompt.replace("{instruction}", text)
        ids = self._pieces.encode(prompt, add_special_tokens=False).ids
        told, longest = len(ids) - self._shown, self._vlm.prompt_tokens
        if not text or told > longest:
            raise InstructionError(
                f"instruction {text[:60]!r} makes a prompt of {told} tokens beside the pictures'; "
                f"some text goes, and at most {longest} tokens (model.vlm.prompt_tokens)"
            )
        if ids.count(self._vlm.picture_token) != self._shown:
            raise InstructionError(f"instruction {text[:60]!r} has the mark of a picture in it")
        padded = np.full(self._shown + longest, PADDING, dtype=np.int64)
        padded[: len(ids)] = ids
        return padded
