"""A trained policy that differs in sizes on which its weights do not depend, in a new folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vla_core.contract.manifest import PolicyManifest
from vla_core.policies.visuomotor.weights import save_weights


def write_variant(
    trained: nn.Module,
    manifest: PolicyManifest,
    card: str,
    sizes: Any,
    examples: Callable[[nn.Module], Mapping[str, Mapping[str, Tensor]]],
    out: Path,
    what: str,
    **changes: Any,
) -> PolicyManifest:
    """Write the policy to `out`.

    Args:
        trained: its networks, made of their `sizes` alone.
        manifest, card: its own.
        sizes: of the new one.
        examples: as `save_weights` takes them.
        what: it does otherwise, for the card: "NAME, ...".
        changes: of the manifest besides.
    """
    model = type(trained)(sizes)
    model.load_state_dict(trained.state_dict())
    save_weights(model, out, examples)
    changed = replace(manifest, name=out.name, model=asdict(sizes), **changes)
    changed.save(out)
    said = f"These are the weights of {manifest.name}, {what}."
    (out / "MODEL_CARD.md").write_text(f"{card}\n{said}\n")
    return changed
