"""What an evaluation needs to know; everything in it is written into its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vla_core.chunks.inference_schedule import InferenceSchedule
from vla_core.chunks.trigger import Trigger
from vla_core.contract.suite import USUAL, terms_of
from vla_core.errors import VlaError
from vla_core.evaluation.intent_mode import IntentMode
from vla_core.paths import policy_folder
from vla_core.suites.registry import load_suite

#: A suite's own expert in the place of a policy.
EXPERT = "expert"
#: Who may take over meanwhile, keys of `vla_core.handover.passing_operator.MANNERS`.
OPERATORS = ("still", "returning", "moving")


@dataclass(frozen=True)
class EvaluationSettings:
    """How episodes are run.

    Attributes:
        policy: name under `config/policies`, or a folder; or `EXPERT`.
        backend: runtime and where it runs, as `Placement.of` reads it.
        intent: what System 1 is given.
        system2_period_s: time between two intents [s].
        replan_steps: steps that are executed before System 1 looks again, at least.
        trigger: what it waits for besides.
        remaining_steps: steps left at which `Trigger.REMAINING` is due.
        filtered: whether chunks go through the command node's core, with its limits and safety
            filter, at the robot's command rate; else their targets go to the servos as they are.
        path_braking: whether the filter brakes along the path, or has only its last resorts.
        arms_margin_m: added to the margins between the arms [m].
        strategy: how chunks join, by name (`vla_core.chunks.strategies`); or a peer that does it
            its own way, unfiltered (`vla_core.chunks.peers`).
        suite: whose tasks are done, by name (`vla_core.suites.registry`).
        shift: which of its kinds of scenes.
        tasks: that scenes are given in turn, by their seeds: numbers in the suite's order; empty: as
            scenes tell.
        delay_s: time that an inference of System 1 takes [s].
        control_s: time between two joint targets where they are not filtered [s].
        operator: who takes over meanwhile, one of `OPERATORS`, filtered only; empty: nobody.
        time_limit_s: an episode not done by then has failed [s].
        settle_s: success must hold for this long [s].
    """

    policy: str
    backend: str = "onnx"
    intent: IntentMode = IntentMode.PREDICTED
    system2_period_s: float = 0.2
    replan_steps: int = 3
    trigger: Trigger = Trigger.TIME
    remaining_steps: int = 0
    filtered: bool = True
    path_braking: bool = True
    arms_margin_m: float = 0.0
    strategy: str = "rtc"
    suite: str = "tabletop"
    shift: str = USUAL
    tasks: tuple[int, ...] = ()
    delay_s: float = 0.1
    control_s: float = 0.02
    operator: str = ""
    time_limit_s: float = 15.0
    settle_s: float = 0.2

    @classmethod
    def in_suite(cls, policy: str, suite: str, **changed: Any) -> EvaluationSettings:
        """By a suite's own terms, but for what is `changed`; None leaves it as it is there.

        Raises:
            ConfigError: there is no such suite, or it is not installed.
        """
        terms = asdict(terms_of(load_suite(suite), changed.get("shift") or USUAL))
        told = {name: value for name, value in changed.items() if value is not None}
        return cls(policy, suite=suite, **(terms | told))

    @property
    def folder(self) -> Path | None:
        """The policy's files; None: it is `EXPERT`, which has none."""
        return None if self.policy == EXPERT else policy_folder(self.policy)

    def task(self, seed: int) -> int | None:
        """What the scene of a seed is given; None: as it tells."""
        return self.tasks[seed % len(self.tasks)] if self.tasks else None

    @property
    def schedule(self) -> InferenceSchedule:
        """Of System 1."""
        return InferenceSchedule(
            self.strategy, self.replan_steps, self.trigger, self.remaining_steps, self.delay_s
        )

    def __post_init__(self) -> None:
        if self.operator and self.operator not in OPERATORS:
            raise VlaError(f"operator: got {self.operator!r}, expected one of {OPERATORS}")
        if self.operator and not self.filtered:
            raise VlaError("operator: takes over by the command core; got filtered=False")
        for name in ("system2_period_s", "replan_steps", "control_s", "time_limit_s"):
            if not getattr(self, name) > 0:
                raise VlaError(f"{name}: got {getattr(self, name)}, expected more than 0")
        for name in ("delay_s", "remaining_steps"):
            if not getattr(self, name) >= 0:
                raise VlaError(f"{name}: got {getattr(self, name)}, expected 0 or more")
