"""How many periods pass between two ticks, whatever becomes of the clock and of the process."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.command.tick_clock import LEAD_S, Passed, TickClock

MS = 1_000_000
PERIOD_S = 0.005


class Clocks:
    """The clock of the stamps, which can be set, the steady one, and a TickClock on both."""

    def __init__(self, simulated: bool = False) -> None:
        self.steady_ns = 3_000 * MS
        self.set_by_ns = 1_000_000 * MS
        self.clock = TickClock(PERIOD_S, simulated)
        self.tick()

    def tick(self, after_ms: float = 5.0, lost_ms: float = 0.0) -> Passed:
        """A tick; the processor is lost for `lost_ms` between the two readings."""
        self.steady_ns += round(after_ms * MS)
        now_ns = self.steady_ns + self.set_by_ns
        self.steady_ns += round(lost_ms * MS)
        return self.clock.tick(now_ns, self.steady_ns)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def simulated() -> Clocks:
    return Clocks(simulated=True)


def test_ticks_with_jitter_move_the_command_by_a_period_each(clocks):
    jitter_ms = np.random.default_rng(0).uniform(-1.0, 1.0, 200)
    start_ns = clocks.clock.played_ns
    passed = [clocks.tick(5.0 + ms) for ms in np.diff(jitter_ms, prepend=0.0)]
    assert {p.periods for p in passed} == {1} and not any(p.late for p in passed)
    assert clocks.clock.played_ns - start_ns == 200 * 5 * MS
    assert sum(p.elapsed_s for p in passed) == pytest.approx(1.0, abs=0.002)


def test_missed_ticks_are_counted_and_two_ticks_at_once_are_one(clocks):
    assert clocks.tick(23.0) == Passed(5, pytest.approx(0.023), late=True)
    assert clocks.tick(0.1).periods == 0
    assert clocks.tick(1200.0) == Passed(240, pytest.approx(1.2), late=True)


@pytest.mark.parametrize("lost_ms", [6.0, 12.0, 200.0, 5000.0])
def test_a_processor_lost_between_the_two_readings_is_no_jump_of_the_clock(clocks, lost_ms):
    start_ns = clocks.clock.played_ns
    passed = [clocks.tick(), clocks.tick(lost_ms=lost_ms), clocks.tick(1.0), clocks.tick()]
    assert [p.set_forward_s for p in passed] == [0.0] * 4
    nominal_ns = clocks.clock.played_ns - start_ns
    assert nominal_ns == sum(p.periods for p in passed) * 5 * MS
    assert abs(clocks.steady_ns + clocks.set_by_ns - clocks.clock.played_ns) <= 2.5 * MS


def test_a_clock_set_forward_moves_nothing_by_it(clocks):
    clocks.tick()
    clocks.set_by_ns += 10_000 * MS
    passed = clocks.tick()
    assert passed == Passed(1, pytest.approx(0.005), set_forward_s=pytest.approx(10.0))
    assert clocks.clock.played_ns == clocks.steady_ns + clocks.set_by_ns
    assert clocks.tick() == Passed(1, pytest.approx(0.005))


def test_a_clock_set_back_moves_nothing_by_it_but_missed_ticks_count(clocks):
    clocks.set_by_ns -= 10_000 * MS
    passed = clocks.tick(20.0)
    assert passed == Passed(4, pytest.approx(0.02), late=True, set_back=True)
    assert clocks.tick() == Passed(1, pytest.approx(0.005))


@pytest.mark.parametrize("late_ms", [6.0, 12.0, 40.0])
def test_the_first_readings_after_a_set_may_be_late_and_the_grid_stays(clocks, late_ms):
    clocks.set_by_ns -= round((10_000 + late_ms) * MS)
    assert clocks.tick().set_back
    start_ns = clocks.clock.played_ns
    passed = [clocks.tick(), clocks.tick()]
    clocks.set_by_ns += round(late_ms * MS)
    passed += [clocks.tick(), clocks.tick()]
    assert [p.set_forward_s for p in passed] == [0.0] * 4
    assert clocks.clock.played_ns - start_ns == sum(p.periods for p in passed) * 5 * MS
    assert abs(clocks.steady_ns + clocks.set_by_ns - clocks.clock.played_ns) <= 2.5 * MS


@pytest.mark.parametrize("rate", [0.5, 0.1])
def test_a_slow_simulated_clock_moves_the_command_at_its_pace(simulated, rate):
    periods = []
    for _ in range(140):
        simulated.set_by_ns -= round((1 - rate) * 5 * MS)
        passed = simulated.tick()
        periods.append(passed.periods)
        assert not passed.late and not passed.set_forward_s and not passed.set_back
        ahead_ns = simulated.clock.played_ns - simulated.steady_ns - simulated.set_by_ns
        assert ahead_ns <= LEAD_S * 1e9 + 2.5 * MS
    assert sum(periods[40:]) == 100 * rate


def test_a_simulated_clock_that_stands_still_stops_the_command_and_goes_on_with_it(simulated):
    """Neither the stop nor what comes after it is a jump of the clock."""
    stood = []
    for _ in range(100):
        simulated.set_by_ns -= 5 * MS
        stood.append(simulated.tick())
    assert sum(p.periods for p in stood) <= LEAD_S / PERIOD_S
    goes_on = [simulated.tick() for _ in range(100)]
    assert not any(p.late or p.set_back or p.set_forward_s for p in stood + goes_on)
    assert sum(p.periods for p in stood + goes_on) == 100


def test_a_simulated_clock_whose_messages_come_late_or_not_at_all_moves_the_command_steadily(
    simulated,
):
    """No period is braked for in between, as it would be where ticks were missed."""
    lag_ms = np.random.default_rng(1).uniform(0.0, 20.0, 200)
    lag_ms[::7] = 0.0
    periods, now_ns = [], 0
    for ms in lag_ms:
        simulated.steady_ns += 5 * MS
        now_ns = max(now_ns, simulated.steady_ns + simulated.set_by_ns - round(ms * MS))
        periods.append(simulated.clock.tick(now_ns, simulated.steady_ns).periods)
    assert set(periods[10:]) == {1}
