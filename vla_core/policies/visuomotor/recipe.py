"""A training run up to the networks' own stages: data, encoder, features, corrections, mixtures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vla_core.contract.abilities import TrainingSuite
from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.placement import Placement
from vla_core.policies.backbones.catalogue import BACKBONES, DINOV2, Backbone
from vla_core.policies.blocks.words import vocabulary_of
from vla_core.policies.visuomotor.config import VisuomotorConfig
from vla_core.policies.visuomotor.encoder import learn_from_scenes
from vla_core.policies.visuomotor.encoder_state import learn_from_states
from vla_core.policies.visuomotor.language import WORDS, Language, open_language
from vla_core.policies.visuomotor.normalisation import Normalisation
from vla_core.policies.visuomotor.trained import Trained
from vla_core.policies.visuomotor.windows import Windows
from vla_core.recordings.hand_video import HandVideo
from vla_core.robot.model import RobotModel
from vla_core.training.augmentation import seen_otherwise
from vla_core.training.collection import INTERVENTIONS, collect, rate_hz
from vla_core.training.demonstrations import Demonstrations
from vla_core.training.mixture import Source
from vla_core.training.processes import first_alone, is_first
from vla_core.training.progress import StageBars
from vla_core.training.trainer import Trainer

Show = Callable[[int, str], None]

#: Held-out windows that a stage is measured on.
_VALIDATION_WINDOWS = 256


class VisuomotorRecipe(ABC):
    """One training run in one folder; every part of it is resumed where it was left.

    Args:
        config: what to train.
        folder: where data, checkpoints and logs go.
        suite: shows and corrects; None: all is learned from a data set.

    Attributes:
        CORRECTED: stages of the kind, in order, before each of which the expert corrects the policy
            so far.
        COMMITTED: stages of the kind that come after those, about the plan in execution.
        windows_kind: of what it learns from.
        write: writes a policy's folder: of a `Trained`, and of each committed stage the longest
            plan that it was taught [steps].
        corrected, committed: those of the stages that the configuration has.
        before: whose weights each stage begins with.
    """

    CORRECTED: ClassVar[Sequence[str]]
    COMMITTED: ClassVar[Sequence[str]]
    windows_kind: ClassVar[type[Windows]] = Windows
    write: ClassVar[Callable[..., PolicyManifest]]
    before: dict[str, tuple[str, ...]]

    def __init__(
        self, config: VisuomotorConfig, folder: Path, suite: TrainingSuite | None = None
    ) -> None:
        self.config = config
        self.folder = folder
        self.suite = suite
        self.robot = RobotModel.load(config.robot)
        self.corrected = [stage for stage in self.CORRECTED if stage in config.stages]
        self.committed = [stage for stage in self.COMMITTED if stage in config.stages]
        self.demonstrations = Demonstrations(folder / "demonstrations", config.held_out)
        self.rate_hz = rate_hz(config, suite)
        for backbone in self.backbones:
            backbone.require()

    @abstractmethod
    def new_model(self, *stages: str) -> nn.Module:
        """The networks at their first weights, with those that `stages` need."""

    @abstractmethod
    def load_stages(self, model: nn.Module, *stages: str) -> nn.Module:
        """Put the finished stages' weights into `model`."""

    @abstractmethod
    def train(self, stage: str, show: Show) -> dict[str, float]:
        """One of the networks' own stages; returns its metrics."""

    @abstractmethod
    def warm_up(self) -> dict[str, dict[str, float]]:
        """The stages before all corrections; metrics by stage."""

    def ship(self, out: Path, metrics: dict[str, dict[str, float]], *stages: str) -> None:
        """Write a policy's folder with the weights of finished `stages`."""
        training = self.windows("training")
        trained = Trained(
            self.config,
            self.robot,
            self.load_stages(self.with_vit(self.new_model(*stages)), *stages),
            self.normalisation(training),
            self.rate_hz,
            self.provenance(training, metrics, stages),
        )
        longest = self.config.committed_steps
        self.write(out, trained, *(longest if s in stages else 0 for s in self.COMMITTED))

    @property
    def encoders(self) -> dict[str, str]:
        """Stages that pretrain an encoder, and which of the networks that is."""
        return {"encoder": "vit"} if "encoder" in self.config.stages else {}

    @property
    def backbones(self) -> list[Backbone]:
        """Pretrained parts of the policy."""
        named = (self.config.model.get("language"), self.config.model.get("vision"))
        return [BACKBONES[name] for name in named if name in BACKBONES]

    @property
    def dataset(self) -> Path | None:
        """Folder of the demonstrations, if they are recorded."""
        return self.config.dataset.folder if self.config.dataset else None

    @property
    def shown_by(self) -> str:
        """Name of the suite that demonstrates, where they are not recorded."""
        return self.config.suite

    def run(self, out: Path) -> None:
        """All stages, and the policy's folder `out` at the end."""
        with first_alone():
            collect(self.config, self.robot, self.folder, self.suite)
            self.label_scenes()
        metrics = {stage: self.train_encoder(stage) for stage in self.encoders}
        with first_alone():
            self.encode()
            self.encode_interventions()
        metrics |= self.warm_up()
        for stage in self.corrected:
            with first_alone():
                self.correct(stage, metrics)
            metrics[stage] = self.train_alone(stage)
        for stage in self.committed:
            metrics[stage] = self.train_alone(stage)
        if is_first():
            self.ship(out, metrics, *self.last)

    @property
    def last(self) -> tuple[str, ...]:
        """Stages whose weights make the finished policy, each its own part."""
        return (*self.corrected[-1:], *self.committed)

    def provenance(
        self, training: Windows, metrics: dict[str, dict[str, float]], stages: Sequence[str]
    ) -> dict[str, Any]:
        """Of a policy with the weights of `stages`, for its manifest and card."""
        corrected = self.corrections_of(stages[-1]) if stages else []
        return {
            "demonstrations": self.config.demonstrations or len(self.demonstrations.whole()),
            "copies as other cameras": self.config.augmented,
            "windows": len(training),
            "labelled_scenes": self.config.scenes,
            "corrected_tables": self.config.corrections * len(corrected),
            **{f"backbone {backbone.name}": backbone.card for backbone in self.backbones},
            **self.begun_with(),
            **self._interventions(),
            "seed": self.config.seed,
            "training_minutes": round(sum(m["train_s"] for m in metrics.values()) / 60, 1),
            "metrics": metrics,
        }

    def begun_with(self) -> dict[str, Any]:
        """What else was there before, for provenance."""
        return {}

    def _interventions(self) -> dict[str, Any]:
        interventions = self.config.interventions
        if interventions is None:
            return {}
        return {
            "intervention_windows": len(self.windows(INTERVENTIONS)),
            "interventions_used": interventions.use.value,
            "intervention_share": interventions.share,
        }

    def correct(self, stage: str, metrics: dict[str, dict[str, float]]) -> None:
        """Let the expert correct the policy so far, where that goes, for `stage` to learn from."""
        windows = self.folder / "windows" / f"corrections_{stage}"
        count = self.config.corrections
        if not count or (windows / "starts.npy").exists():
            return
        policy, folder = self.folder / f"before_{stage}", self.folder / f"corrections_{stage}"
        self.ship(policy, metrics, *self.before[stage])
        first = self.corrected.index(stage) * count
        self.suite.correct(folder, policy, range(first, first + count))
        self.save_windows([Episode.load(path) for path in sorted(folder.glob("*.npz"))], windows)

    def label_scenes(self) -> None:
        """Let the suite label scenes for the encoder, with the robot as demonstrations have it."""
        if not self.config.scenes:
            return
        poses = [Episode.load(path).position for path in self.demonstrations.whole()]
        config, joined = self.config, np.concatenate(poses)
        self.suite.label_scenes(
            self.folder / "scenes", config.robot, joined, config.scenes, config.image_size,
            config.cameras,
        )  # fmt: skip

    def train_encoder(self, stage: str = "encoder") -> dict[str, float]:
        """Pretrain a ViT: on labelled scenes, or without on the demonstrations' own states."""
        schedule = self.config.stages[stage]
        vit = getattr(self.new_model(), self.encoders[stage]).requires_grad_(True)
        if self.config.scenes:
            module, batches, check = learn_from_scenes(vit, self.folder / "scenes")
        else:
            training, held_out = (
                [Episode.load(path) for path in paths] for paths in self.demonstrations.split()
            )
            reach = self.config.horizon * round(training[0].rate_hz / self.rate_hz)
            module, batches, check = learn_from_states(
                vit, training, held_out, self.robot, self.config.cameras, reach
            )
        seed, compute = self.config.seed, self.config.compute
        trainer = Trainer(self.folder, stage, module, schedule, seed, compute)
        with StageBars() as bars:
            return trainer.run(batches, check, self.bar(bars, stage))

    def encode(self) -> None:
        """Split the demonstrations and compute the frozen ViT's features of every frame once."""
        parts = zip(("training", "held_out"), self.demonstrations.split(), strict=True)
        for name, episodes in parts:
            folder = self.folder / "windows" / name
            if (folder / "starts.npy").exists():
                continue
            loaded = [Episode.load(path) for path in episodes]
            if name == "training":
                rng = np.random.default_rng((self.config.seed, 17))
                loaded += [seen_otherwise(e, rng) for e in loaded * self.config.augmented]
            self.save_windows(loaded, folder)

    def encode_interventions(self) -> None:
        """The same for what operators corrected, where the configuration names it."""
        folder = self.folder / "windows" / INTERVENTIONS
        if self.config.interventions is None or (folder / "starts.npy").exists():
            return
        paths = sorted((self.folder / INTERVENTIONS).glob("*.npz"))
        self.save_windows([Episode.load(path) for path in paths], folder)

    def save_windows(
        self, episodes: Sequence[Episode] | Sequence[HandVideo], folder: Path
    ) -> None:
        """Compute the frozen ViT's features of every frame once."""
        model = self.with_vit(self.new_model())
        language, rate = self.language(model.sizes), self.rate_hz
        if torch.cuda.is_available():
            model = model.cuda()
        windows = self.windows_kind.build(
            episodes,
            model.vit,
            self.robot,
            self.config.cameras,
            model.sizes,
            rate,
            language,
            getattr(model, "system2_vit", None),
        )
        windows.save(folder)

    def language(self, sizes: Any) -> Language:
        """What turns instructions into what networks of these sizes take."""
        return open_language(asdict(sizes), Placement(threads=torch.get_num_threads()))

    def windows(self, name: str) -> Windows:
        """What `encode`, `encode_interventions` and `correct` have written."""
        return self.windows_kind.load(self.folder / "windows" / name)

    def held_out_rows(self, held_out: Windows) -> tuple[np.ndarray, np.random.Generator]:
        """Windows that a stage is measured on, and the generator of what else is random there."""
        rng = np.random.default_rng(0)
        count = min(_VALIDATION_WINDOWS, len(held_out))
        return rng.choice(len(held_out), count, replace=False), rng

    def stored_sizes(self, kind: type) -> dict[str, Any]:
        """Sizes of the run's networks, a dataclass's; words are those of the tasks."""
        path = self.folder / "sizes.pt"
        if not path.exists():
            torch.save(asdict(kind(**self.decided, **self.config.model)), path)
        return torch.load(path, weights_only=True)

    @property
    def decided(self) -> dict[str, Any]:
        """Sizes of the networks that data and robot decide."""
        return {
            "cameras": len(self.config.cameras),
            "state": self.robot.state_size,
            "velocities": self.robot.dof if self.config.velocity else 0,
            "vocabulary": self._vocabulary(),
        }

    def _vocabulary(self) -> tuple[str, ...]:
        if self.config.model.get("language", WORDS) != WORDS:
            return ()
        return vocabulary_of(self.instructions())

    def instructions(self) -> list[str]:
        """All that the suite tells, even if no demonstration has it; or what was recorded."""
        if self.config.dataset:
            return [Episode.load(path).instruction for path in self.demonstrations.whole()]
        return [text for task in self.suite.tasks for text in task.texts]

    def with_vit(self, model: nn.Module) -> nn.Module:
        """`model` with the pretrained encoders."""
        for stage, encoder in self.encoders.items():
            getattr(model, encoder).load_state_dict(below("vit.", self.final(stage)))
        if DINOV2 in self.backbones:
            model.vit.load_pretrained(DINOV2.folder)
        return model

    def final(self, stage: str) -> dict[str, Tensor]:
        """A finished stage's weights."""
        return torch.load(self.folder / stage / "final.pt", weights_only=True)["model"]

    def corrections_of(self, stage: str) -> list[str]:
        """Stages whose corrections a stage learns from."""
        if stage in self.corrected:
            return self.corrected[: self.corrected.index(stage) + 1]
        return self.corrected if stage in self.committed else []

    def sources(self, stage: str, training: Windows) -> list[Source]:
        """What a stage learns from, and how much of a batch is of each."""
        interventions, found = self.config.interventions, []
        rest = 1.0
        if interventions is not None and stage in (*self.corrected, *self.committed):
            windows = self.windows(INTERVENTIONS)
            found.append(Source(windows, windows.weights(), interventions.share))
            rest -= interventions.share
        folders = [
            self.folder / "windows" / f"corrections_{each}" for each in self.corrections_of(stage)
        ]
        corrected = [self.windows_kind.load(folder) for folder in folders if folder.exists()]
        share = rest / 3 / max(1, len(corrected))
        found += [Source(w, np.full(len(w), 1 / len(w)), share) for w in corrected]
        demonstrated = 1.0 - sum(source.share for source in found)
        return [Source(training, training.weights(), demonstrated), *found]

    def normalisation(self, training: Windows) -> Normalisation:
        """Of what is there to learn from."""
        return training.normalisation(self.config.velocity)

    def train_alone(self, stage: str) -> dict[str, float]:
        """A stage with a bar of its own."""
        with StageBars() as bars:
            return self.train(stage, self.bar(bars, stage))

    def bar(self, bars: StageBars, stage: str) -> Show:
        """A stage's bar."""
        return bars.bar(stage, self.config.stages[stage].steps)


def below(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a part, by their names in it."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
