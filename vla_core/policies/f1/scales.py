"""A trained F1 that foresees fewer or more scales (table 4): the same weights in a new folder.

    .venv/bin/python -m vla_core.policies.f1.scales POLICY SCALES OUT
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.f1.sizes import F1Sizes
from vla_core.policies.f1.weights import example_inputs, load_f1
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.variant import write_variant


def with_scales(policy: str | Path, scales: int, out: Path) -> PolicyManifest:
    """Write the policy to `out`, foreseeing `scales`.

    Raises:
        PolicyError: it is no F1 that can be read.
        ConfigError: it has fewer scales, or foresees nothing.
    """
    folder = policy_folder(policy)
    manifest = PolicyManifest.load(folder)
    sizes = sizes_of(F1Sizes, folder, manifest)
    if not sizes.foresees or scales < 1:
        raise ConfigError(
            str(folder), f"foresees {sizes.predicted_scales} scales, got {scales}: both 1 or more"
        )
    return write_variant(
        load_f1(folder, manifest),
        manifest,
        (folder / "MODEL_CARD.md").read_text(),
        replace(sizes, predicted_scales=scales),
        lambda stored: example_inputs(stored, manifest.prefix_steps > 0),
        out,
        f"foreseeing {scales} scales",
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", help="name under config/policies, or a folder")
    parser.add_argument("scales", type=int, help="how many it is to foresee")
    parser.add_argument("out", type=Path, help="folder to write")
    asked = parser.parse_args()
    with_scales(asked.policy, asked.scales, asked.out)


if __name__ == "__main__":
    main()
