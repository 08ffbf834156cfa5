"""What is compared: every policy on every suite, shift and strategy that it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from vla_core.errors import VlaError
from vla_core.evaluation.evaluate import check_settings
from vla_core.evaluation.journal import episode_key
from vla_core.evaluation.settings import EvaluationSettings


@dataclass(frozen=True)
class Condition:
    """One row of the comparison.

    Attributes:
        policy: name under `config/policies`, or a folder.
        suite: whose tasks are done.
        shift: which of its kinds of scenes.
        strategy: how chunks join.
        settings: of its episodes, by the suite's own terms.
        key: tells its episodes from all others: settings and the policy's files.
    """

    policy: str
    suite: str
    shift: str
    strategy: str
    settings: EvaluationSettings
    key: str

    @property
    def where(self) -> tuple[str, str, str]:
        """What rows of different policies share that can be compared."""
        return self.suite, self.shift, self.strategy

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.policy} on {self.suite}, {self.shift}, {self.strategy}"


def conditions(
    policies: Sequence[str], suites: Sequence[str], shifts: Sequence[str], strategies: Sequence[str]
) -> tuple[list[Condition], dict[str, str]]:
    """All that fit, and why the others do not: by `policy on suite, shift, strategy`.

    Raises:
        VlaError: none fits.
    """
    fit, skipped = [], {}
    for suite, shift, strategy, policy in product(suites, shifts, strategies, policies):
        try:
            settings = EvaluationSettings.in_suite(policy, suite, shift=shift, strategy=strategy)
            check_settings(settings)
        except VlaError as error:
            skipped[f"{policy} on {suite}, {shift}, {strategy}"] = str(error)
            continue
        fit.append(Condition(policy, suite, shift, strategy, settings, episode_key(settings)))
    if not fit:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped.items())
        raise VlaError(f"no policy fits any suite, shift and strategy asked for: {reasons}")
    return fit, skipped
