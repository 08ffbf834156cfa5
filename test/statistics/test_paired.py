"""The same tables before and after: what differs, and whether that can be chance."""

from __future__ import annotations

import pytest

from vla_core.errors import ConfigError, VlaError
from vla_core.evaluation.seeds import HIGHEST_SEED, correction_seeds, episode_seeds
from vla_core.statistics.paired import compare_paired


def outcomes(gained: int, lost: int, both: int = 0, neither: int = 0) -> tuple[list[bool], ...]:
    pairs = [(False, True)] * gained + [(True, False)] * lost
    pairs += [(True, True)] * both + [(False, False)] * neither
    before, after = zip(*pairs, strict=True)
    return list(before), list(after)


def test_mcnemar_in_its_exact_form():
    found = compare_paired(*outcomes(gained=10, lost=2, both=5, neither=3))
    assert (found.gained, found.lost) == (10, 2)
    assert found.difference == pytest.approx(0.4)
    assert found.p == pytest.approx(2 * (1 + 12 + 66) / 2**12)


def test_what_is_the_same_everywhere_has_changed_nothing():
    found = compare_paired(*outcomes(0, 0, both=20))
    assert (found.difference, found.p) == (0.0, 1.0)
    assert found.ci95.lower < 0 < found.ci95.upper


def test_the_interval_narrows_with_tables_and_is_of_the_difference():
    few, many = (compare_paired(*outcomes(4 * n, n, 5 * n)).ci95 for n in (1, 20))
    assert few.lower < many.lower < 0.3 < many.upper < few.upper
    turned = compare_paired(*outcomes(20, 80, 100)).ci95
    assert turned.upper == pytest.approx(-many.lower)


def test_evenly_many_gained_and_lost_is_no_evidence():
    assert compare_paired(*outcomes(5, 5)).p == 1.0


@pytest.mark.parametrize(("before", "after"), [([], []), ([True], [True, False])])
def test_it_has_to_be_the_same_tables(before, after):
    with pytest.raises(VlaError, match="expected the same tables"):
        compare_paired(before, after)


def test_no_policy_is_evaluated_on_a_table_that_it_was_corrected_on():
    runs = (*range(10), HIGHEST_SEED - 1, HIGHEST_SEED)
    corrected = {seed for run in runs for seed in correction_seeds(run, 1000)}
    evaluated = {seed for run in runs for seed in episode_seeds(run, 1000)}
    assert not corrected & evaluated and len(corrected) == 12_000


@pytest.mark.parametrize(("seed", "count"), [(-1, 1), (HIGHEST_SEED + 1, 1), (0, 100_001)])
def test_seeds_whose_tables_would_meet_others_are_refused(seed, count):
    with pytest.raises(ConfigError, match="expected 0 to"):
        episode_seeds(seed, count)
