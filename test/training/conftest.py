"""Training is compared bit for bit, so it runs on one thread."""

from __future__ import annotations

import pytest
import tiny_runs
import torch
from tiny_backbones import tiny_backbones, tiny_dinov2, tiny_sentence  # noqa: F401  fixtures

from vla_core.training.config import DatasetConfig


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def three_episodes(tmp_path_factory) -> DatasetConfig:
    """What tiny runs learn from, unless they say otherwise; nobody changes it."""
    return tiny_runs.three_episodes(tmp_path_factory.mktemp("recorded") / "set")
