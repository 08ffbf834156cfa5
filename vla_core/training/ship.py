"""A finished training run as a policy's folder: manifest and model card beside the weights."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jinja2

from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.specification import CameraSpec, ObservationSpec
from vla_core.training.config import RunConfig

_CARD = jinja2.Template(
    """# {{ manifest.name }}

A {{ manifest.kind }} policy for the robot `{{ manifest.robot }}`, made by `vla train`.
{% if manifest.fingerprint %}Feature space `{{ manifest.fingerprint }}`.
{% endif %}
| | |
|---|---|
| parameters | {{ "{:,}".format(words.parameters) }} |
{% for key, value in manifest.provenance.items() if value is not mapping -%}
| {{ key.replace("_", " ") }} | {{ value }} |
{% endfor %}
## Metrics of the stages

{{ words.metrics }}

{% for stage, metrics in manifest.provenance.metrics.items() -%}
- **{{ stage }}**: {% for key, value in metrics.items() %}{{ key }} {{ value | round(4) }}{{ ", " if not loop.last }}{% endfor %}
{% endfor %}
## What it sees and says

Cameras {% for camera in manifest.observation.cameras %}{{ camera.name }} at \
{{ camera.width }} x {{ camera.height }}{{ ", " if not loop.last }}{% endfor %};
{{ words.sees }}
{{ manifest.horizon }} targets, {{ manifest.step_s }} s apart.

## Limits

{{ words.limits }}
"""
)


class CardWords(NamedTuple):
    """What a model card says of one kind of policy alone.

    Attributes:
        parameters: how many numbers its networks hold.
        metrics: what the metrics mean, a paragraph.
        sees: what else it is told and says, a clause that ends with a semicolon.
        limits: what not to expect of it, a paragraph.
    """

    parameters: int
    metrics: str
    sees: str
    limits: str


def square_views(config: RunConfig) -> ObservationSpec:
    """The configuration's cameras at the policy's size, of now alone."""
    size = config.image_size
    return ObservationSpec(tuple(CameraSpec(name, size, size) for name in config.cameras))


def write_folder(folder: Path, manifest: PolicyManifest, words: CardWords) -> None:
    """Write `policy.json` and `MODEL_CARD.md`.

    Args:
        folder: where the weights are already.
        manifest: with data, time, seeds and `metrics` by stage in its provenance.
    """
    manifest.save(folder)
    (folder / "MODEL_CARD.md").write_text(_CARD.render(manifest=manifest, words=words))
