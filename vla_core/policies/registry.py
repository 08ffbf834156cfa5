"""Finds a policy by its folder and loads the half of it that a node needs.

A kind joins by one line here; its heavy imports happen only when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from vla_core.errors import PolicyError
from vla_core.paths import policy_folder
from vla_core.policies.manifest import PolicyManifest
from vla_core.policies.protocol import JointPolicy, System1, System2

#: kind -> module with `load_system2(folder, manifest, backend)` and `load_system1(...)`,
#: or `load_joint(...)` where both systems run in one process.
KINDS = {"dial": "vla_core.policies.dial.runtime"}


def load_system2(policy: str | Path, backend: str = "onnx") -> System2:
    """Load the slow half of a policy.

    Args:
        policy: name under `config/policies`, or a folder.
        backend: `torch` or `onnx`.

    Raises:
        PolicyError: unknown policy, kind or backend, or unreadable weights.
    """
    return _load("load_system2", policy, backend)


def load_system1(policy: str | Path, backend: str = "onnx") -> System1:
    """Load the fast half of a policy; arguments and errors as in `load_system2`."""
    return _load("load_system1", policy, backend)


def load_joint(policy: str | Path, backend: str = "onnx") -> JointPolicy:
    """Load a policy whose systems share one process; as `load_system2` otherwise."""
    return _load("load_joint", policy, backend)


def _load(loader: str, policy: str | Path, backend: str):
    folder = policy_folder(policy)
    manifest = PolicyManifest.load(folder)
    if manifest.kind not in KINDS:
        raise PolicyError(str(folder), f"unknown kind {manifest.kind!r}, known: {sorted(KINDS)}")
    module = import_module(KINDS[manifest.kind])
    if not hasattr(module, loader):
        raise PolicyError(str(folder), f"kind {manifest.kind!r} offers no {loader}")
    return getattr(module, loader)(folder, manifest, backend)
