"""Finds a policy by its folder and loads the half of it that a node needs."""

from __future__ import annotations

from pathlib import Path

from vla_core.contract.intent_view import IntentView, ShowsNothing
from vla_core.contract.joint import as_dual
from vla_core.contract.kind import PolicyKind, Recipe, RecipeArguments
from vla_core.contract.manifest import PolicyManifest, Systems
from vla_core.contract.placement import Placement
from vla_core.contract.protocol import DualSystem, JointPolicy, System1, System2
from vla_core.errors import ConfigError, PolicyError
from vla_core.paths import policy_folder
from vla_core.plugins import Registry
from vla_core.training.run_file import read_yaml

#: Modules as `contract/kind.py` describes them.
KINDS = Registry(
    "kind of policy",
    "vla.policies",
    {
        "dial": "vla_core.policies.dial.kind",
        "clad": "vla_core.policies.clad.kind",
        "openhelix": "vla_core.policies.openhelix.kind",
        "chunk": "vla_core.policies.chunk.kind",
        "f1": "vla_core.policies.f1.kind",
        "lingbot_va": "vla_core.policies.lingbot_va.kind",
        "hold": "vla_core.policies.baselines.hold",
        "remote": "vla_core.policies.remote.kind",
    },
)


def load_system2(policy: str | Path, backend: str = "onnx") -> System2:
    """Load the slow half of a policy.

    Args:
        policy: name under `config/policies`, or a folder.
        backend: runtime and where it runs, as `Placement.of` reads it.

    Raises:
        ConfigError: unknown policy or kind, a placement that cannot be had, or unreadable weights.
    """
    return _load("load_system2", policy, backend)


def load_system1(policy: str | Path, backend: str = "onnx") -> System1:
    """Load the fast half of a policy; arguments and errors as in `load_system2`."""
    return _load("load_system1", policy, backend)


def load_policy(policy: str | Path, backend: str = "onnx") -> DualSystem:
    """A policy whole, whichever processes it runs in; arguments and errors as `load_system2`."""
    if PolicyManifest.load(policy_folder(policy)).systems is Systems.JOINT:
        return as_dual(load_joint(policy, backend), load_view(policy, backend))
    return DualSystem(
        load_system2(policy, backend), load_system1(policy, backend), load_view(policy, backend)
    )


def load_joint(policy: str | Path, backend: str = "onnx") -> JointPolicy:
    """Load a policy whose systems share one process; as `load_system2` otherwise."""
    return _load("load_joint", policy, backend)


def load_view(policy: str | Path, backend: str = "onnx") -> IntentView:
    """How a policy's intents are shown; arguments and errors as in `load_system2`."""
    folder = policy_folder(policy)
    manifest = PolicyManifest.load(folder)
    module = KINDS.load(manifest.kind, str(folder))
    if not hasattr(module, "open_view"):
        return ShowsNothing()
    return module.open_view(folder, manifest, Placement.of(backend))


def open_recipe(config: Path, asked: RecipeArguments) -> Recipe:
    """A training run of the kind that a configuration names, or that its `start` is of.

    Raises:
        ConfigError: not YAML, no kind, an unknown one or one that is not trained here, or what the
            kind itself refuses.
    """
    raw = read_yaml(config)
    named = raw if isinstance(raw, dict) else {}
    kind, start = named.get("kind"), named.get("start")
    if kind is None and isinstance(start, str):
        kind = PolicyManifest.load(policy_folder(start)).kind
    if not isinstance(kind, str):
        raise ConfigError(
            f"{config}: kind", f"got {kind!r}, expected one of {', '.join(KINDS.names())}"
        )
    return _offered(KINDS.load(kind, f"{config}: kind"), "open_recipe", str(config), kind)(
        config, asked
    )


def _load(loader: str, policy: str | Path, backend: str):
    folder = policy_folder(policy)
    manifest = PolicyManifest.load(folder)
    module = KINDS.load(manifest.kind, str(folder))
    return _offered(module, loader, str(folder), manifest.kind)(
        folder, manifest, Placement.of(backend)
    )


def _offered(module: PolicyKind, name: str, source: str, kind: str):
    if not hasattr(module, name):
        raise PolicyError(source, f"kind {kind!r} offers no {name}")
    return getattr(module, name)
