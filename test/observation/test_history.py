"""What was at a past moment is the nearest to it, and nothing where nothing is near."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vla_core.observation.history import NEAR_S, History
from vla_core.types import NANOSECONDS

MS = 1_000_000


def filled(stamps_ms: list[int], *ages_s: float) -> History[int]:
    history: History[int] = History(ages_s)
    for stamp_ms in stamps_ms:
        history.add(stamp_ms * MS, stamp_ms)
    return history


@given(
    stamps=st.sets(st.integers(0, 3000), min_size=1, max_size=60).map(sorted),
    age_ms=st.integers(0, 3000),
)
def test_the_nearest_to_each_moment_or_none(stamps, age_ms):
    moment_ms = stamps[-1] - age_ms
    (found,) = filled(stamps, age_ms / 1000).before(stamps[-1] * MS)
    nearest = min(abs(stamp - moment_ms) for stamp in stamps)
    if nearest > 1000 * NEAR_S:
        assert found is None
    else:
        assert abs(found - moment_ms) == nearest


@given(stamps=st.sets(st.integers(0, 60_000), min_size=1, max_size=200).map(sorted))
def test_what_nobody_asks_for_any_more_is_let_go(stamps):
    history = filled(stamps, 0.5)
    oldest_ns = history._kept[0][0]
    assert oldest_ns >= stamps[-1] * MS - round((0.5 + NEAR_S) * NANOSECONDS)


def test_a_clock_that_is_set_back_leaves_nothing_of_before():
    history = filled([1000, 1100, 1200], 10.0)
    history.add(500 * MS, 500)
    assert history.nearest(1100 * MS) is None and history.nearest(500 * MS) == 500


def test_moments_come_oldest_first_as_they_are_asked_for():
    assert filled([100, 200, 300], 0.2, 0.1).before(300 * MS) == (100, 200)


def test_what_is_added_when_due_is_near_to_every_moment():
    history: History[int] = History((0.3, 0.1))
    for now_ns in range(0, 1000 * MS, 20 * MS):
        if history.is_due(now_ns):
            history.add(now_ns, now_ns)
        if now_ns >= 300 * MS:
            assert None not in history.before(now_ns)
    assert len(history._kept) < 8


def test_without_a_moment_that_is_asked_for_nothing_is_kept():
    history = filled([100, 200])
    assert not history._kept and not history.is_due(0) and history.before(200 * MS) == ()
