"""The monitor at the robot's side sees what leaves the limits, and nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vla_core.command.command import CommandSettings
from vla_core.command.command_core import CommandCore
from vla_core.faults.command_monitor import ArrivedCommand, Emergency, check_commands
from vla_core.robot.joint_limits import JointLimits
from vla_core.types import NANOSECONDS, ActionChunk, ControlMode

PERIOD_S = 0.005
NAMES = ("elbow", "wrist")
LIMITS = JointLimits(
    NAMES,
    lower=np.array([-1.5, -1.5]),
    upper=np.array([1.5, 1.5]),
    velocity=np.array([1.0, 2.5]),
    acceleration=np.array([4.0, 10.0]),
    jerk=np.array([40.0, 100.0]),
)


def arrived(core: CommandCore, now_ns: int, lost_ns: int = 0) -> ArrivedCommand:
    """One tick of the real command core, as it reaches the robot."""
    command = core.tick(now_ns, now_ns + lost_ns)
    return told(now_ns + lost_ns, command.tail.time_s, command.tail.position, command.motion_ns)


def told(
    now_ns: int, time_s: np.ndarray, position: np.ndarray, stamp_ns: int | None = None
) -> ArrivedCommand:
    """A command that arrives at once, where all clocks say the same."""
    stamp_ns = now_ns if stamp_ns is None else stamp_ns
    return ArrivedCommand(now_ns, now_ns, stamp_ns, time_s, position)


class Run:
    """The real command core on a loop with jitter, asked for more than the limits allow.

    Args:
        jitter_s: most that a wake-up is late [s].
        lost: share of ticks in which the process loses the processor for up to 20 ms between the
            two readings of the clocks.
        tail_is_followed: whether the robot is told trajectories, or positions alone.
    """

    def __init__(
        self,
        jitter_s: float = 0.0,
        seed: int = 0,
        lost: float = 0.0,
        tail_is_followed: bool = True,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.jitter_s = jitter_s
        self.lost = lost
        self.period_ns = round(PERIOD_S * NANOSECONDS)
        alone = () if tail_is_followed else NAMES
        settings = CommandSettings(period_s=PERIOD_S, positions_alone=alone)
        self.core = CommandCore(LIMITS, settings)
        self.deadline_ns = self.now_ns = 10 * NANOSECONDS
        self.commands: list[ArrivedCommand] = []
        self.sequence = 0
        self.core.tick(self.now_ns)
        self.measure()
        for mode in (ControlMode.HOLD, ControlMode.POLICY):
            assert self.core.request_mode(mode, self.now_ns).accepted

    def measure(self) -> None:
        self.core.on_joint_state(NAMES, np.zeros(2), np.zeros(2), self.now_ns, self.now_ns)

    def chunk(self) -> None:
        """Targets all over the range and beyond, 0.1 s apart."""
        self.sequence += 1
        targets = self.rng.uniform(-2.0, 2.0, (10, 2))
        self.core.on_chunk(
            ActionChunk(
                sequence=self.sequence,
                observation_stamp_ns=self.now_ns,
                observation_sequence=self.sequence,
                intent_sequence=1,
                intent_stamp_ns=self.now_ns,
                step_s=0.1,
                joint_names=NAMES,
                targets=targets,
            ),
            self.now_ns,
        )

    def ticks(self, count: int) -> None:
        """Ticks whose wake-ups are late now and then, by up to the jitter."""
        for number in range(count):
            self.deadline_ns += self.period_ns
            late_ns = round(self.rng.uniform(0, self.jitter_s) * NANOSECONDS)
            self.now_ns = max(self.now_ns + 1, self.deadline_ns + late_ns)
            if number % 60 == 0:
                self.chunk()
            self.measure()
            lost_ns = 0
            if self.lost and self.rng.random() < self.lost:
                lost_ns = round(self.rng.uniform(0.005, 0.02) * NANOSECONDS)
            self.commands.append(arrived(self.core, self.now_ns, lost_ns))
            self.deadline_ns += lost_ns // self.period_ns * self.period_ns

    def sleep(self, duration_s: float) -> None:
        """The node does not run: no ticks."""
        self.deadline_ns += round(duration_s * NANOSECONDS)


def limits_broken(run: Run, *emergencies: Emergency) -> set[str]:
    return {v.limit for v in check_commands(run.commands, LIMITS, PERIOD_S, emergencies)}


def moved_by(command: ArrivedCommand, joint: int, by: float) -> ArrivedCommand:
    position = command.position.copy()
    position[:, joint] += by
    return dataclasses.replace(command, position=position)


@pytest.mark.parametrize("jitter_s", [0.0, 0.001, 0.004, 0.02])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_real_core_passes_whatever_its_loop_does(jitter_s, seed):
    run = Run(jitter_s, seed)
    run.ticks(400)
    run.sleep(0.15)
    run.ticks(200)
    fastest = np.abs(np.diff([c.position[0, 1] for c in run.commands])).max() / PERIOD_S
    assert fastest > 0.3  # it did move, until late ticks made it stop
    assert check_commands(run.commands, LIMITS, PERIOD_S) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_real_core_passes_where_the_processor_is_lost_while_clocks_are_read(seed):
    run = Run(seed=seed, lost=0.01)
    run.ticks(600)
    fastest = np.abs(np.diff([c.position[0, 1] for c in run.commands])).max() / PERIOD_S
    assert fastest > 0.3
    assert check_commands(run.commands, LIMITS, PERIOD_S) == []


def frozen_mid_way(run: Run) -> tuple[ArrivedCommand, ArrivedCommand]:
    """The node stands still for 1.2 s in the middle of a fast tick: what it had computed before is
    sent afterwards, with the next command on its heels."""
    run.ticks(120)
    while np.abs(run.commands[-1].position[0] - run.commands[-2].position[0]).max() < 4e-3:
        run.ticks(1)
    before = run.commands.pop()
    run.sleep(1.2)
    run.ticks(100)
    after = run.commands[-100]
    late_ns = after.arrived_ns - 2_000_000
    late = dataclasses.replace(before, arrived_ns=late_ns, robot_ns=late_ns)
    run.commands.insert(-100, late)
    return late, after


def test_a_command_from_before_the_node_was_frozen_is_over_and_no_robot_follows_it():
    run = Run()
    late, after = frozen_mid_way(run)
    assert late.is_over
    assert np.abs(after.position[0] - late.position[0]).max() > 0.05  # it has gone on by its tail
    assert limits_broken(run) == set()


def test_a_robot_that_takes_positions_alone_is_not_moved_by_the_way_of_a_stop_at_once():
    run = Run(tail_is_followed=False)
    late, after = frozen_mid_way(run)
    assert np.abs(after.position[0] - late.position[0]).max() < 1e-4


def test_lost_messages_are_no_violation():
    run = Run(0.001)
    run.ticks(400)
    keep = np.random.default_rng(5).random(len(run.commands)) < 0.7
    run.commands = [c for c, kept in zip(run.commands, keep, strict=True) if kept]
    assert limits_broken(run) == set()


def test_a_number_that_is_not_finite_is_seen():
    run = Run()
    run.ticks(100)
    run.commands[50] = moved_by(run.commands[50], 1, np.nan)
    (violation,) = check_commands(run.commands, LIMITS, PERIOD_S)
    assert (violation.limit, violation.joint) == ("finite", "wrist")


def test_a_position_outside_is_seen_even_at_the_end_of_a_stop():
    run = Run()
    run.ticks(3)
    last = run.commands[-1]
    far = np.vstack((last.position, [[0.0, -1.6]]))
    times = np.append(last.time_s, last.time_s[-1] + 10.0)
    run.commands[-1] = dataclasses.replace(last, time_s=times, position=far)
    violations = {v.limit: v for v in check_commands(run.commands, LIMITS, PERIOD_S)}
    assert str(violations["position"]) == "position of wrist: -1.6, allowed -1.5"


@pytest.mark.parametrize("jitter_s", [0.0, 0.004])
@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (2e-5, {"jerk"}),  # of one period: 2e-5 / T^3 = 160 rad/s^3, twice that in between
        (2e-3, {"acceleration", "jerk"}),
        (0.5, {"velocity", "acceleration", "jerk", "step"}),
    ],
)
def test_a_kink_a_jolt_and_a_step_are_seen(jitter_s, by, expected):
    run = Run(jitter_s)
    run.ticks(60)
    run.commands[30:] = [moved_by(command, 0, by) for command in run.commands[30:]]
    assert expected <= limits_broken(run)


def test_faster_than_allowed_is_seen_as_velocity_alone():
    time_s = np.arange(200) * PERIOD_S
    position = np.stack((0.02 * time_s, 2.6 * time_s), axis=1) - 1.3
    commands = [
        told(round(t * 1e9), np.array([PERIOD_S]), p[None])
        for t, p in zip(time_s, position, strict=True)
    ]
    (violation,) = check_commands(commands, LIMITS, PERIOD_S)
    assert (violation.limit, violation.joint) == ("velocity", "wrist")
    assert violation.amount == pytest.approx(2.6)


def test_the_jerk_of_an_emergency_stop_is_allowed_and_only_that():
    run = Run()
    run.ticks(75)
    run.core.estop("pressed", run.now_ns)
    emergency = Emergency(run.now_ns, run.now_ns + NANOSECONDS)
    run.ticks(150)
    assert limits_broken(run) == {"jerk"}
    assert limits_broken(run, emergency) == set()
    run.commands[100] = moved_by(run.commands[100], 0, 0.3)
    assert "acceleration" in limits_broken(run, emergency)


def test_a_command_that_starts_anew_far_from_where_the_last_one_ended_is_a_step():
    run = Run()
    run.ticks(100)
    end = run.commands[-1].position[-1]
    run.sleep(5.0)
    later_ns = run.deadline_ns
    near, far = (
        told(later_ns, np.array([PERIOD_S]), end[None] + by)
        for by in (0.05, 0.15)
    )
    before = run.commands
    run.commands = [*before, near]
    assert limits_broken(run) == set()
    run.commands = [*before, far]
    (step,) = check_commands(run.commands, LIMITS, PERIOD_S)
    pause_s = (far.arrived_ns - before[-1].arrived_ns) / NANOSECONDS
    assert pause_s > 4.0
    assert str(step).endswith(f"0.15, allowed 0.1, after {pause_s:.3f} s without a command")


def test_a_clock_that_jumps_ahead_does_not_hide_a_step():
    run = Run()
    run.ticks(70)
    moving = max(range(60, 70), key=lambda i: np.abs(np.ptp(run.commands[i].position, 0)).max())
    last = run.commands[moving]
    late_ns = last.stamp_ns + 10 * NANOSECONDS
    end = last.position[-1:] + [[0.0, 0.2]]
    jumped = ArrivedCommand(
        last.arrived_ns + 5_000_000, late_ns, late_ns, np.array([PERIOD_S]), end
    )
    run.commands = [*run.commands[: moving + 1], jumped]
    assert "step" in limits_broken(run)


def test_a_clock_that_jumps_ahead_does_not_take_the_robot_to_the_end_of_its_stop():
    run = Run()
    run.ticks(70)
    moving = max(range(60, 70), key=lambda i: np.abs(np.ptp(run.commands[i].position, 0)).max())
    last = run.commands[moving]
    assert np.abs(last.position[-1] - last.position[0]).max() > 0.08
    late_ns = last.stamp_ns + 10 * NANOSECONDS

    def next_one(place: float) -> ArrivedCommand:
        """5 ms later, at rest as far along the stop."""
        position = last.at(place)[None]
        return ArrivedCommand(
            last.arrived_ns + 5_000_000, late_ns, late_ns, np.array([PERIOD_S]), position
        )

    until_then = run.commands[: moving + 1]
    run.commands = [*until_then, next_one(2 * PERIOD_S)]
    assert limits_broken(run) == set()
    run.commands = [*until_then, next_one(last.time_s[-1])]
    assert limits_broken(run) == {"step"}


def test_the_command_of_the_tick_in_which_the_emergency_stop_comes_may_be_stamped_before_it():
    run = Run()
    run.ticks(75)
    while np.abs(np.ptp(run.commands[-1].position, 0)).max() < 0.05:
        run.ticks(1)
    run.deadline_ns += 2_000_000  # its nominal time is earlier
    run.core.estop("pressed", run.deadline_ns + 5_000_000)
    run.ticks(1)
    emergency = Emergency(run.now_ns, run.now_ns + NANOSECONDS)
    assert run.commands[-1].stamp_ns < emergency.start_ns
    assert limits_broken(run) == {"jerk"}
    assert limits_broken(run, emergency) == set()


def test_what_is_over_when_it_comes_is_still_looked_at():
    run = Run()
    run.ticks(3)
    last = run.commands[-1]
    later_ns = last.end_ns + NANOSECONDS
    over = dataclasses.replace(last, arrived_ns=later_ns, robot_ns=later_ns)
    run.commands.append(moved_by(over, 0, 2.0))
    assert limits_broken(run) == {"position"}
