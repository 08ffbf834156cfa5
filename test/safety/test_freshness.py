"""Age limits from YAML, and what they find."""

import pytest

from vla_core.errors import ConfigError
from vla_core.safety.freshness import AgeLimit, FreshnessLimits, Response

FRESH = {"observation": 0.1, "intent": 0.2, "chunk": 0.05, "joint_state": 0.0, "teleop": 0.05}


def test_nothing_is_stale_while_all_ages_are_inside():
    assert FreshnessLimits().stale(FRESH) == ()


@pytest.mark.parametrize("name", list(FRESH))
def test_an_input_past_its_limit_is_named_with_its_age(name):
    (stale,) = FreshnessLimits().stale({**FRESH, name: 99.0})
    assert (stale.name, stale.age_s) == (name, 99.0)


def test_an_input_that_never_came_is_stale():
    names = [stale.name for stale in FreshnessLimits().stale({**FRESH, "intent": -1.0})]
    assert names == ["intent"]


def test_yaml_changes_what_it_names_and_keeps_the_rest():
    limits = FreshnessLimits.from_mapping(
        {"chunk": {"limit_s": 2, "response": "stop"}}, "robot.yaml"
    )
    assert limits.chunk == AgeLimit(2.0, Response.STOP)
    assert limits.intent == FreshnessLimits().intent


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"camera": {}}, "robot.yaml, camera: unknown; there are observation, intent"),
        ({"chunk": {"limit": 1}}, r"unknown keys \['limit'\]"),
        ({"chunk": {"limit_s": 0}}, "got 0, expected a positive time"),
        ({"chunk": {"limit_s": float("nan")}}, "expected a positive time"),
        ({"chunk": {"limit_s": "1"}}, "expected seconds"),
        ({"chunk": {"response": "panic"}}, "got 'panic', expected one of slow_down, hold, stop"),
        ({"chunk": 1.0}, "expected limit_s and response"),
    ],
)
def test_a_wrong_entry_is_refused_at_load(mapping, message):
    with pytest.raises(ConfigError, match=message):
        FreshnessLimits.from_mapping(mapping, "robot.yaml")


def test_a_stale_input_that_slows_down_leaves_less_speed_the_older_it_is():
    limits = FreshnessLimits(intent=AgeLimit(1.0, Response.SLOW_DOWN))
    speeds = [
        stale.path_speed
        for age_s in (1.0, 1.25, 1.75, 3.0)
        for stale in limits.stale({**FRESH, "intent": age_s})
    ]
    assert speeds == [0.75, 0.25, 0.0]
    (never,) = limits.stale({**FRESH, "intent": -1.0})
    assert never.path_speed == 0.0
