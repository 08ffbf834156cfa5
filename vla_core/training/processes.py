"""The processes of one training, as `torchrun` starts them: one a GPU, or several on processors."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

import torch
from accelerate import Accelerator, PartialState

#: The others wait as long for what the first one does alone: demonstrations, features.
_PATIENCE = timedelta(days=7)


def new_accelerator() -> Accelerator:
    """For a model, on this process's device."""
    _begun()
    return Accelerator(cpu=not torch.cuda.is_available())


def processes() -> int:
    """How many there are."""
    return _begun().num_processes


def is_first() -> bool:
    """Whether this is the one that writes for all."""
    return _begun().is_main_process


def first_alone() -> AbstractContextManager[None]:
    """The first process does it, then the others, who find it done."""
    return _begun().main_process_first()


def _begun() -> PartialState:
    """They know each other from the first call on."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
