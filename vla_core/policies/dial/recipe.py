"""DIAL's training, whole: encoder, decoupled warm-up (stage 1), end to end (stage 2), and what
System 1 learns of the plan in execution."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from vla_core.contract.episode import Episode
from vla_core.contract.manifest import PolicyManifest
from vla_core.contract.suite import TrainingSuite
from vla_core.errors import ConfigError
from vla_core.paths import policy_folder
from vla_core.policies.blocks.words import vocabulary_of
from vla_core.policies.dial.config import COMMITTED, STAGE_2, TrainingConfig
from vla_core.policies.dial.encoder import learn_from_scenes
from vla_core.policies.dial.encoder_state import learn_from_states
from vla_core.policies.dial.losses import (
    ActionWarmup,
    EndToEnd,
    ForesightWarmup,
    ForwardDynamics,
    PrefixConditioning,
)
from vla_core.policies.dial.model import Dial, DialSizes
from vla_core.policies.dial.normalisation import Normalisation
from vla_core.policies.dial.ship import ship
from vla_core.policies.dial.validation import validate, validate_forward
from vla_core.policies.dial.weights import load_dial
from vla_core.policies.dial.windows import Windows, draws
from vla_core.robot.model import RobotModel
from vla_core.training.augmentation import seen_otherwise
from vla_core.training.collection import INTERVENTIONS, collect, rate_hz
from vla_core.training.demonstrations import Demonstrations
from vla_core.training.mixture import Mixture, Source
from vla_core.training.progress import StageBars
from vla_core.training.trainer import Trainer

Show = Callable[[int, str], None]

#: Held-out windows that a stage is measured on.
VALIDATION_WINDOWS = 256


class DialRecipe:
    """One training run in one folder; every part of it is resumed where it was left.

    Args:
        config: what to train.
        folder: where data, checkpoints and logs go.
        suite: shows and corrects; None: all is learned from a data set.
    """

    def __init__(
        self, config: TrainingConfig, folder: Path, suite: TrainingSuite | None = None
    ) -> None:
        self.config = config
        self.folder = folder
        self.suite = suite
        self.robot = RobotModel.load(config.robot)
        self.stage_2 = [stage for stage in STAGE_2 if stage in config.stages]
        self.committed = [stage for stage in COMMITTED if stage in config.stages]
        #: The policy whose weights all begins with, if there is one.
        self.start = PolicyManifest.load(policy_folder(config.start)) if config.start else None
        warmed_up = () if config.start else ("system2", "system1")
        #: Whose weights a stage begins with.
        self.before = {
            "system2": (),
            "system1": (),
            **{
                stage: tuple(self.stage_2[:part][-1:]) or warmed_up
                for part, stage in enumerate(self.stage_2)
            },
            "prefix": tuple(self.stage_2[-1:]),
            "forward": (),
            "cloning": (),
        }
        self.demonstrations = Demonstrations(folder / "demonstrations", config.held_out)
        self.rate_hz = rate_hz(config, suite)
        if self.start and round(1.0 / self.start.step_s, 6) != self.rate_hz:
            raise ConfigError(
                config.name,
                f"demonstrations have {self.rate_hz:g} frames a second, `start: {config.start}` "
                f"has steps of {self.start.step_s:g} s",
            )

    @property
    def dataset(self) -> Path | None:
        """Folder of the demonstrations, if they are recorded."""
        return self.config.dataset.folder if self.config.dataset else None

    def run(self, out: Path) -> None:
        """All stages, and the policy's folder `out` at the end."""
        collect(self.config, self.robot, self.folder, self.suite)
        self.label_scenes()
        metrics = {} if self.start else {"encoder": self.train_encoder()}
        self.encode()
        self.encode_interventions()
        if not self.start:
            metrics |= self._warm_up()
        for stage in self.stage_2:
            self.correct(stage, metrics)
            metrics[stage] = self._train_alone(stage)
        for stage in self.committed:
            metrics[stage] = self._train_alone(stage)
        self.ship(out, metrics, self.stage_2[-1], *self.committed)

    def ship(self, out: Path, metrics: dict[str, dict[str, float]], *stages: str) -> None:
        """Write a policy's folder with the weights of finished `stages`."""
        training = Windows.load(self.folder / "windows" / "training")
        corrected = self._corrected(stages[-1]) if stages else []
        provenance = {
            "demonstrations": self.config.demonstrations or len(self.demonstrations.whole()),
            "copies as other cameras": self.config.augmented,
            "windows": len(training),
            "labelled_scenes": self.config.scenes,
            "corrected_tables": self.config.corrections * len(corrected),
            **self._continued(),
            "seed": self.config.seed,
            "training_minutes": round(sum(m["train_s"] for m in metrics.values()) / 60, 1),
            "metrics": metrics,
        }
        ship(
            out,
            self.config,
            self.robot,
            self.load_stages(self._with_vit(self.new_model(*stages)), *stages),
            self._normalisation(training),
            self.rate_hz,
            provenance,
            *(self.config.committed_steps if stage in stages else 0 for stage in COMMITTED),
        )

    def _continued(self) -> dict[str, object]:
        """For the model card: what it began with, and what operators corrected."""
        told: dict[str, object] = {"weights_begun_with": self.start.name} if self.start else {}
        if (interventions := self.config.interventions) is not None:
            windows = Windows.load(self.folder / "windows" / INTERVENTIONS)
            told["intervention_windows"] = len(windows)
            told["interventions_used"] = interventions.use.value
            told["intervention_share"] = interventions.share
        return told

    def correct(self, stage: str, metrics: dict[str, dict[str, float]]) -> None:
        """Let the expert correct the policy so far, where that goes, for `stage` to learn from."""
        windows = self.folder / "windows" / f"corrections_{stage}"
        count = self.config.corrections
        if not count or (windows / "starts.npy").exists():
            return
        policy, folder = self.folder / f"before_{stage}", self.folder / f"corrections_{stage}"
        self.ship(policy, metrics, *self.before[stage])
        first = self.stage_2.index(stage) * count
        self.suite.correct(folder, policy, range(first, first + count))
        self._save_windows([Episode.load(path) for path in sorted(folder.glob("*.npz"))], windows)

    def label_scenes(self) -> None:
        """Let the suite label scenes for the encoder, with the robot as demonstrations have it."""
        if not self.config.scenes:
            return
        poses = [Episode.load(path).position for path in self.demonstrations.whole()]
        folder, size = self.folder / "scenes", self.config.image_size
        self.suite.label_scenes(
            folder, self.config.robot, np.concatenate(poses), self.config.scenes, size
        )

    def train_encoder(self) -> dict[str, float]:
        """Pretrain the ViT: on labelled scenes, or without on the demonstrations' own states."""
        schedule = self.config.stages["encoder"]
        vit = self.new_model().vit
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
        trainer = Trainer(self.folder, "encoder", module, schedule, self.config.seed)
        with StageBars() as bars:
            return trainer.run(batches, check, self._bar(bars, "encoder"))

    def encode(self) -> None:
        """Split the demonstrations and compute the frozen ViT's features of every frame once."""
        for name, episodes in zip(("training", "held_out"), self.demonstrations.split(), strict=True):
            folder = self.folder / "windows" / name
            if (folder / "starts.npy").exists():
                continue
            loaded = [Episode.load(path) for path in episodes]
            if name == "training":
                rng = np.random.default_rng((self.config.seed, 17))
                loaded += [seen_otherwise(e, rng) for e in loaded * self.config.augmented]
            self._save_windows(loaded, folder)

    def encode_interventions(self) -> None:
        """The same for what operators corrected, where the configuration names it."""
        folder = self.folder / "windows" / INTERVENTIONS
        if self.config.interventions is None or (folder / "starts.npy").exists():
            return
        paths = sorted((self.folder / INTERVENTIONS).glob("*.npz"))
        self._save_windows([Episode.load(path) for path in paths], folder)

    def _save_windows(self, episodes: Sequence[Episode], folder: Path) -> None:
        model = self._with_vit(self.new_model())
        windows = Windows.build(
            episodes, model.vit, self.robot, self.config.cameras, model.sizes, self.rate_hz
        )
        windows.save(folder)

    def train(self, stage: str, show: Show) -> dict[str, float]:
        """Stage 1's halves `system2` and `system1`, a part of stage 2, `prefix` or `forward`.

        Or `cloning`, which no recipe has: what System 1 would be without System 2, to compare with.
        """
        training = Windows.load(self.folder / "windows" / "training")
        held_out = Windows.load(self.folder / "windows" / "held_out")
        normalisation = self._normalisation(training)
        model = self._with_vit(self.new_model(stage))
        model = self.load_stages(model, *self.before[stage])
        longest = self.config.committed_steps
        objectives = {
            "system2": lambda: ForesightWarmup(model),
            "system1": lambda: ActionWarmup(model),
            "prefix": lambda: PrefixConditioning(model, longest),
            "forward": lambda: ForwardDynamics(model.forward_model),
            "cloning": lambda: ActionWarmup(model, "current"),
        }
        module = objectives.get(stage, lambda: EndToEnd(model))()
        trainer = Trainer(
            self.folder, stage, module, self.config.stages[stage], self.config.seed
        )

        draw = draws(normalisation, longest if stage == "forward" else 0)
        batches = Mixture(self._sources(stage, training), draw)
        rng = np.random.default_rng(0)
        rows = rng.choice(len(held_out), min(VALIDATION_WINDOWS, len(held_out)), replace=False)
        ahead = rng.integers(1, longest + 1, size=len(rows)) if stage == "forward" else None
        check = held_out.batch(rows, np.zeros_like(rows), normalisation, ahead)
        check = {key: value.to(trainer.accelerator.device) for key, value in check.items()}
        if stage == "forward":
            return trainer.run(batches, lambda: validate_forward(module, check), show)
        prefix = longest if stage == "prefix" else 0
        return trainer.run(
            batches, lambda: validate(stage, model, check, normalisation, prefix), show
        )

    def new_model(self, *stages: str) -> Dial:
        """The networks at their first weights; words are those of the tasks.

        With stage `forward` among the `stages` it has a forward model, else not.
        """
        if self.start:
            return load_dial(policy_folder(self.config.start), self.start).train()
        path = self.folder / "sizes.pt"
        if not path.exists():
            sizes = DialSizes(
                cameras=len(self.config.cameras),
                state=self.robot.state_size,
                velocities=self.robot.dof if self.config.velocity else 0,
                vocabulary=vocabulary_of(self._instructions()),
                **self.config.model,
            )
            torch.save(asdict(sizes), path)
        layers = self.config.model["forward_layers"] if "forward" in stages else 0
        sizes = {**torch.load(path, weights_only=True), "forward_layers": layers}
        torch.manual_seed(self.config.seed)
        return Dial(DialSizes(**sizes))

    def load_stages(self, model: Dial, *stages: str) -> Dial:
        """Put the finished stages' weights into `model`, each its own part."""
        for stage in stages:
            weights = torch.load(self.folder / stage / "final.pt", weights_only=True)["model"]
            if stage not in ("system2", "forward"):
                weights = _below("dial.", weights)
            if stage == "system1":
                weights = {k: v for k, v in weights.items() if not k.startswith("system2.")}
            model.load_state_dict({**model.state_dict(), **weights})
        return model

    def _with_vit(self, model: Dial) -> Dial:
        if self.start:
            return model
        stored = torch.load(self.folder / "encoder" / "final.pt", weights_only=True)
        model.vit.load_state_dict(_below("vit.", stored["model"]))
        return model

    def _instructions(self) -> list[str]:
        """All that the suite tells, even if no demonstration has it; or what was recorded."""
        if self.config.dataset:
            return [Episode.load(path).instruction for path in self.demonstrations.whole()]
        return [text for task in self.suite.tasks for text in task.texts]

    def _corrected(self, stage: str) -> list[str]:
        """Parts of stage 2 whose corrections a stage learns from."""
        if stage in self.stage_2:
            return self.stage_2[: self.stage_2.index(stage) + 1]
        return self.stage_2 if stage in self.committed else []

    def _sources(self, stage: str, training: Windows) -> list[Source]:
        """What a stage learns from, and how much of a batch is of each."""
        interventions, found = self.config.interventions, []
        rest = 1.0
        if interventions is not None and stage in (*self.stage_2, *self.committed):
            windows = Windows.load(self.folder / "windows" / INTERVENTIONS)
            found.append(Source(windows, windows.weights(), interventions.share))
            rest -= interventions.share
        folders = [
            self.folder / "windows" / f"corrections_{each}" for each in self._corrected(stage)
        ]
        corrected = [Windows.load(folder) for folder in folders if folder.exists()]
        share = rest / 3 / max(1, len(corrected))
        found += [Source(w, np.full(len(w), 1 / len(w)), share) for w in corrected]
        demonstrated = 1.0 - sum(source.share for source in found)
        return [Source(training, training.weights(), demonstrated), *found]

    def _normalisation(self, training: Windows) -> Normalisation:
        """Of the policy that all began with, as its weights know no other; or of what is there."""
        if self.start:
            return Normalisation.of(self.start)
        return training.normalisation(self.config.velocity)

    def _train_alone(self, stage: str) -> dict[str, float]:
        with StageBars() as bars:
            return self.train(stage, self._bar(bars, stage))

    def _bar(self, bars: StageBars, stage: str) -> Show:
        return bars.bar(stage, self.config.stages[stage].steps)

    def _warm_up(self) -> dict[str, dict[str, float]]:
        """Stage 1: the two systems do not need each other, so on a CPU each takes half the cores."""
        stages = ("system2", "system1")
        if torch.cuda.is_available() or torch.get_num_threads() < 2:
            with StageBars() as bars:
                return {stage: self.train(stage, self._bar(bars, stage)) for stage in stages}
        context = get_context("spawn")
        threads = torch.get_num_threads() // 2
        with (
            context.Manager() as manager,
            ProcessPoolExecutor(2, mp_context=context) as pool,
            StageBars() as bars,
        ):
            told = manager.Queue()
            shows = {stage: self._bar(bars, stage) for stage in stages}
            futures = {
                stage: pool.submit(
                    _train_apart, self.config, self.folder, self.suite, stage, threads, told
                )
                for stage in stages
            }
            while not all(future.done() for future in futures.values()):
                try:
                    stage, step, text = told.get(timeout=0.5)
                except queue.Empty:
                    continue
                shows[stage](step, text)
            return {stage: future.result() for stage, future in futures.items()}


def _train_apart(
    config: TrainingConfig,
    folder: Path,
    suite: TrainingSuite | None,
    stage: str,
    threads: int,
    told,
) -> dict[str, float]:
    torch.set_num_threads(threads)
    return DialRecipe(config, folder, suite).train(
        stage, lambda step, text: told.put((stage, step, text))
    )


def _below(prefix: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
