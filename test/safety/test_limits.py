"""Every command inside every limit, and close to what was asked where the limits allow it."""

import numpy as np
import pytest

from vla_core.robot.joint_limits import JointLimits
from vla_core.safety.limits import JointLimiter
from vla_core.safety.stopping import JointMotion

PERIOD_S = 0.005


def limits(dof: int = 3, jerk: float = 100.0) -> JointLimits:
    names = tuple(f"joint_{j}" for j in range(dof))
    ones = np.ones(dof)
    return JointLimits(names, -ones, ones, 2.5 * ones, 10 * ones, jerk * ones)


def drive(limiter: JointLimiter, motion: JointMotion, targets) -> tuple[np.ndarray, list]:
    """Positions `(steps, dof)` of following `(target, velocity)` pairs, and every step."""
    steps = []
    for target, velocity in targets:
        steps.append(limiter.step(motion, np.array(target), np.array(velocity)))
        motion = steps[-1].motion
    return np.array([step.motion.position for step in steps]), steps


def assert_inside(positions: np.ndarray, held: JointLimits) -> None:
    """Finite differences of the positions alone, without a look at what the limiter says."""
    velocity = np.diff(positions, axis=0) / PERIOD_S
    acceleration = np.diff(velocity, axis=0) / PERIOD_S
    jerk = np.diff(acceleration, axis=0) / PERIOD_S
    assert np.isfinite(positions).all()
    assert (positions >= held.lower - 1e-6).all() and (positions <= held.upper + 1e-6).all()
    assert (np.abs(velocity) <= held.velocity * (1 + 1e-6)).all()
    assert (np.abs(acceleration) <= held.acceleration * (1 + 1e-5)).all()
    assert (np.abs(jerk) <= held.jerk * (1 + 1e-3)).all()


def test_a_far_target_is_reached_with_hardly_any_overshoot():
    held = limits(1)
    positions, _ = drive(
        JointLimiter(held, PERIOD_S), JointMotion.at_rest([0.0]), [([0.8], [0.0])] * 300
    )
    assert_inside(positions, held)
    assert positions.max() <= 0.8 + 4e-3
    assert positions[-1, 0] == pytest.approx(0.8, abs=1e-4)


def test_a_target_outside_the_limits_ends_at_the_limit_and_is_reported():
    held = limits(2)
    positions, steps = drive(
        JointLimiter(held, PERIOD_S),
        JointMotion.at_rest([0.0, 0.0]),
        [([1.5, 0.0], [9.0, 0.0])] * 400,
    )
    assert_inside(positions, held)
    assert positions[-1, 0] == pytest.approx(1.0, abs=1e-4)
    active = {(c.name, c.subject): c.amount for c in steps[0].constraints}
    assert active["position", "joint_0"] == pytest.approx(0.5)
    assert active["velocity", "joint_0"] == pytest.approx(6.5)
    assert not any(subject == "joint_1" for _, subject in active)


def test_a_far_joint_does_not_slow_down_the_others():
    held = limits(2)
    reference = [
        (0.3 * np.sin(2 * k * PERIOD_S), 0.6 * np.cos(2 * k * PERIOD_S)) for k in range(400)
    ]
    start = JointMotion(np.zeros(2), np.array([0.6, 0.0]), np.zeros(2))
    alone, _ = drive(
        JointLimiter(held, PERIOD_S), start, [([p, 0.0], [v, 0.0]) for p, v in reference]
    )
    beside, _ = drive(
        JointLimiter(held, PERIOD_S), start, [([p, 0.9], [v, 0.0]) for p, v in reference]
    )
    assert beside[:, 0] == pytest.approx(alone[:, 0], abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite_stops_that_joint_only(bad):
    held = limits(2)
    start = JointMotion(np.zeros(2), np.array([0.5, 0.0]), np.zeros(2))
    positions, steps = drive(JointLimiter(held, PERIOD_S), start, [([bad, 0.5], [0.0, 0.0])] * 300)
    assert_inside(positions, held)
    assert abs(steps[-1].motion.velocity[0]) < 1e-3
    assert positions[-1, 1] == pytest.approx(0.5, abs=1e-3)
    assert ("not_finite", "joint_0") in {(c.name, c.subject) for c in steps[0].constraints}


def test_random_jumps_stay_inside_every_limit():
    held = limits(3)
    random = np.random.default_rng(0)
    targets = []
    for _ in range(100):
        jump = (random.uniform(-3, 3, 3), random.uniform(-9, 9, 3))
        targets += [jump] * int(random.integers(1, 30))
    positions, _ = drive(JointLimiter(held, PERIOD_S), JointMotion.at_rest(np.zeros(3)), targets)
    assert len(positions) > 1000
    assert_inside(positions, held)


def test_a_failing_ruckig_becomes_a_controlled_stop(monkeypatch):
    held = limits(1)
    limiter = JointLimiter(held, PERIOD_S)
    positions, steps = drive(limiter, JointMotion.at_rest([-0.9]), [([0.9], [0.0])] * 40)
    monkeypatch.setattr(limiter._pursuit, "step", lambda motion, *_: (motion, "Error"))
    after, stopping = drive(limiter, steps[-1].motion, [([0.9], [0.0])] * 200)
    assert_inside(np.vstack((positions, after)), held)
    assert "ruckig_failed" in {c.name for c in stopping[0].constraints}
    assert stopping[-1].motion.velocity[0] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    ("field", "value"),
    [("lower", [2.0]), ("velocity", [0.0]), ("jerk", [np.nan]), ("upper", [1.0, 2.0])],
)
def test_limits_that_contradict_themselves_are_refused(field, value):
    good = {
        "lower": [-1.0],
        "upper": [1.0],
        "velocity": [1.0],
        "acceleration": [1.0],
        "jerk": [1.0],
    }
    with pytest.raises(ValueError, match=field if field != "lower" else "lower must be below"):
        JointLimits(("elbow",), **{**good, field: value})


def test_the_velocity_does_not_peak_above_its_limit_between_two_commands():
    """Found by fuzzing: both ends of a period inside, the mean velocity 6e-5 above the limit."""
    random, dof = np.random.default_rng(0), 400
    held = JointLimits(
        tuple(map(str, range(dof))), *(k * np.ones(dof) for k in (-9.0, 9.0, 2.5, 10.0, 300.0))
    )
    share = random.uniform(0, 0.5, dof)
    acceleration = share * held.jerk * PERIOD_S
    velocity = held.velocity - acceleration**2 / (2 * held.jerk)
    motion = JointMotion(np.zeros(dof), velocity, acceleration)
    limiter = JointLimiter(held, PERIOD_S)
    for _ in range(5):
        target = motion.position + 2.5 * 0.1 + random.uniform(-0.003, 0.001, dof)
        after = limiter.step(motion, target, random.uniform(2.3, 2.5, dof)).motion
        mean = (after.position - motion.position) / PERIOD_S
        assert (np.abs(mean) <= held.velocity * (1 + 1e-8)).all()
        motion = after
