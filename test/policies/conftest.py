"""A tiny DIAL with both runtimes, loaded once a file; tiny backbones."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_backbones import tiny_backbones, tiny_dinov2, tiny_sentence  # noqa: F401  fixtures
from tiny_dial import BACKENDS, write_policy

from vla_core.contract.protocol import System1, System2
from vla_core.policies.registry import load_system1, load_system2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "tiny"
    write_policy(path, seed=1)
    return path


@pytest.fixture(scope="module")
def systems(folder) -> dict[str, tuple[System2, System1]]:
    return {b: (load_system2(folder, b), load_system1(folder, b)) for b in BACKENDS}
