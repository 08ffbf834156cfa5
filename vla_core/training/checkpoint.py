"""Checkpoints of a training in parts: each process writes and reads what is its own.

`torch.distributed.checkpoint` for tensors; beside it, a process's own numbers. What was not written
to its end is not seen.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp

#: Written last, by torch.
_WHOLE = ".metadata"


def names(path: Path) -> set[str]:
    """Of the tensors in a checkpoint, with dots between the levels."""
    return set(dcp.FileSystemReader(path).read_metadata().state_dict_metadata)


def remove(folder: Path) -> None:
    """All checkpoints, whole or not."""
    for path in folder.glob("step-*"):
        shutil.rmtree(path)


def newest(folder: Path) -> Path | None:
    """The last checkpoint that is whole; None: there is none."""
    found = [path for path in folder.glob("step-*") if (path / _WHOLE).exists()]
    return max(found, key=lambda path: int(path.name.removeprefix("step-")), default=None)


def save(folder: Path, step: int, tensors: dict[str, Any], own: dict[str, Any], rank: int) -> None:
    """Write a checkpoint, and remove those before it.

    Args:
        step: of its name.
        tensors: nested by name; what is in parts over the processes is written in parts.
        own: of this process.
    """
    path = folder / f"step-{step:08d}"
    path.mkdir(parents=True, exist_ok=True)
    torch.save(own, path / f"process{rank}.pt")
    with _of_one_process_or_more():
        dcp.save(tensors, checkpoint_id=path)
    if rank == 0:
        for old in set(folder.glob("step-*")) - {path}:
            shutil.rmtree(old)


def load(path: Path, tensors: dict[str, Any], rank: int) -> tuple[dict[str, Any], bool]:
    """Read a checkpoint.

    Args:
        tensors: as they were written; what is in them is overwritten.

    Returns:
        What this process wrote; and whether it did, or the first one has to stand for it.
    """
    with _of_one_process_or_more():
        dcp.load(tensors, checkpoint_id=path)
    mine = path / f"process{rank}.pt"
    known = mine.exists()
    return torch.load(mine if known else path / "process0.pt", weights_only=True), known


@contextmanager
def _of_one_process_or_more() -> Iterator[None]:
    """Torch warns where there is one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        yield
