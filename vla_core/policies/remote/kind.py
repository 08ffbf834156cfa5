"""The remote policy as a kind (`contract/kind.py`): one server gives whole chunks."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import JointPolicy


def load_joint(folder: Path, manifest: PolicyManifest, placement: Placement) -> JointPolicy:
    """Connected to its server, which runs where it likes: the placement is not ours to say.

    Raises:
        ConfigError: the contract cannot be, nobody answers, or the server says something else.
    """
    from vla_core.policies.remote.policy import open_remote

    return open_remote(manifest, str(folder))
