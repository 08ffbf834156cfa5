"""Training is compared bit for bit, so it runs on one thread."""

from __future__ import annotations

import pytest
import torch
from tiny_backbones import tiny_backbones, tiny_dinov2, tiny_sentence  # noqa: F401  fixtures


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
