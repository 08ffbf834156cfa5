"""A trained LingBot-VA that is run otherwise: the same weights in a new folder.

    .venv/bin/python -m vla_core.policies.lingbot_va.variant POLICY OUT video_until=1 video_steps=5
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.lingbot_va.ship import timing
from vla_core.policies.lingbot_va.sizes import LingBotSizes
from vla_core.policies.lingbot_va.weights import example_inputs, load_lingbot
from vla_core.policies.visuomotor.sizes import sizes_of
from vla_core.policies.visuomotor.variant import write_variant

#: Sizes on which no weight depends.
FREE = (
    "chunk_frames",
    "window",
    "history",
    "video_steps",
    "video_until",
    "video_guidance",
    "imagined_steps",
    "euler_steps",
    "noise_scale",
    "samples",
    "grounded",
    "unsure_from",
)


def run_otherwise(policy: str | Path, changes: Mapping[str, Any], out: Path) -> PolicyManifest:
    """Write the policy to `out`, with other sizes of those in `FREE`.

    Raises:
        PolicyError: it is no LingBot-VA that can be read.
        ConfigError: other sizes, or such as cannot be.
    """
    if unknown := sorted(set(changes) - set(FREE)):
        raise ConfigError("variant", f"got {', '.join(unknown)}, expected of {', '.join(FREE)}")
    folder = policy_folder(policy)
    manifest = PolicyManifest.load(folder)
    sizes = replace(sizes_of(LingBotSizes, folder, manifest), **changes)
    return write_variant(
        load_lingbot(folder, manifest),
        manifest,
        (folder / "MODEL_CARD.md").read_text(),
        sizes,
        lambda stored: example_inputs(stored, manifest.prefix_steps > 0),
        out,
        "run with " + ", ".join(f"{name} {value}" for name, value in changes.items()),
        **timing(manifest, sizes, manifest.forward_steps > 0),
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policy", help="name under config/policies, or a folder")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("changes", nargs="+", metavar="SIZE=VALUE", help=", ".join(FREE))
    asked = parser.parse_args()
    pairs = (change.partition("=") for change in asked.changes)
    changes = {name: yaml.safe_load(value) for name, _, value in pairs}
    run_otherwise(asked.policy, changes, asked.out)


if __name__ == "__main__":
    main()
