"""The part of a training run's YAML that all such policies have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from vla_core.contract.abilities import Corrected, DeeplyDemonstrated, Demonstrated, Labelled
from vla_core.contract.kind import Recipe, RecipeArguments
from vla_core.errors import ConfigError
from vla_core.training.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class VisuomotorConfig(RunConfig):
    """A run whose pictures are seen by a small ViT, pretrained and then frozen.

    Attributes:
        scenes: labelled random scenes to pretrain the encoder on; with 0 it learns to see the
            robot's measured state in the demonstrations instead.
        model: sizes of the networks.
        committed_steps: longest plan in execution that the stages about it teach [steps]; 0
            without these stages.
        corrections: tables on which the expert corrects the policy so far before each stage that
            learns from corrections.
        velocity: whether the policy is told the joints' velocities beside their positions; with a
            `dataset` alone, as the simulation's observations tell that of the moment, no mean.
    """

    scenes: int
    model: Mapping[str, Any]
    corrections: int = 0
    committed_steps: int = 0
    velocity: bool = False

    @property
    def horizon(self) -> int:
        """Steps of a chunk."""
        return self.model["horizon"]

    @property
    def image_size(self) -> int:
        """Side of the square pictures [pixels]."""
        return self.model["image_size"]

    @property
    def abilities(self) -> tuple[type, ...]:
        """What a suite has to offer for this run, of `vla_core.contract.suite.OFFERED`."""
        used = {
            Demonstrated: not self.dataset,
            DeeplyDemonstrated: self.deep,
            Labelled: self.scenes > 0,
            Corrected: self.corrections > 0,
        }
        return tuple(ability for ability, needed in used.items() if needed)

    def check_known(self, source: str, known: tuple[str, ...]) -> None:
        """Raises `ConfigError` for stages that are not among the `known` ones of the kind."""
        if unknown := sorted(set(self.stages) - set(known)):
            raise ConfigError(f"{source}: stages", f"unknown {unknown}, known: {', '.join(known)}")

    def check_corrections(self, source: str, corrected: tuple[str, ...]) -> None:
        """Refuse corrections that nothing learns from, and the other way round.

        Args:
            corrected: stages of the kind that learn from corrections.

        Raises:
            ConfigError: there is one without the other.
        """
        learning = [stage for stage in corrected if stage in self.stages]
        if bool(learning) != bool(self.corrections):
            raise ConfigError(
                f"{source}: corrections",
                f"got {self.corrections}, with the stages {learning} that learn from them; "
                "expected both or neither",
            )

    def check_committed_steps(self, source: str, committed: tuple[str, ...]) -> None:
        """Refuse steps that the stages about the plan in execution cannot have.

        Args:
            committed: all such stages of the kind.

        Raises:
            ConfigError: too few for the stages that there are, or as many as a chunk.
        """
        stages = [stage for stage in committed if stage in self.stages]
        least = 1 if stages else 0
        if not least <= self.committed_steps < self.horizon:
            needed = f" for {' and '.join(stages)}" if stages else ""
            raise ConfigError(
                f"{source}: committed_steps",
                f"got {self.committed_steps}, expected {least} or more{needed}, and less than the "
                f"horizon of {self.horizon}",
            )


def check_velocity(source: str, raw: Mapping[str, Any]) -> None:
    """Raises `ConfigError` for velocities without a data set."""
    if raw.get("velocity") and not raw["dataset"]:
        raise ConfigError(
            f"{source}: velocity", "needs a `dataset`; in simulation System 1 is told positions"
        )


#: Sizes that data and robot decide, any such.
_DECIDED = {"cameras": 1, "state": 1, "velocities": 0, "vocabulary": ()}


def check_sizes(source: str, kind: type, raw: Any, **decided: Any) -> None:
    """That `model` holds sizes of a dataclass, those aside that data and robot decide.

    Args:
        decided: any of the latter, where they are not the usual ones.

    Raises:
        ConfigError: keys missing or unknown, or values that cannot be.
    """
    try:
        kind(**(decided or _DECIDED), **raw)
    except TypeError as error:
        raise ConfigError(source, f"are no sizes of a policy: {error}") from error


_Config = TypeVar("_Config", bound=RunConfig)


def begun(
    config: VisuomotorConfig, recipe: Callable[..., Recipe], asked: RecipeArguments
) -> Recipe:
    """A run of a configuration, on what is asked for beside it.

    Args:
        recipe: of a configuration, the folder for its work, and the suite that shows, if one does.

    Raises:
        ConfigError: it has no use for that, or the suite does not offer what it needs.
    """
    config = as_asked(config, asked)
    work = asked.work or Path("out/train") / config.name
    suite = None if config.dataset else asked.suites(config.suite, *config.abilities)
    return recipe(config, work, suite)


def as_asked(config: _Config, asked: RecipeArguments) -> _Config:
    """The configuration with the data sets that are named beside it.

    Raises:
        ConfigError: it has no use for them.
    """
    if asked.dataset and not config.dataset:
        raise ConfigError("--dataset", f"{config.name} learns from the expert, not from a data set")
    if asked.dataset:
        config = replace(config, dataset=replace(config.dataset, folder=asked.dataset))
    if asked.interventions and not config.interventions:
        raise ConfigError(
            "--interventions", f"{config.name} has no `interventions`: their share and use"
        )
    if asked.interventions:
        named = replace(config.interventions, folder=asked.interventions)
        config = replace(config, interventions=named)
    return config
