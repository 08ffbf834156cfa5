"""Safety constraints, durations and joints in words."""

from __future__ import annotations

import re

import pytest

from vla_core.console.words import constraint_words, duration
from vla_core.paths import root
from vla_core.types import ActiveConstraint


def documented() -> list[str]:
    """Names of all constraints, as docs/safety_filter.md lists them."""
    text = (root() / "docs" / "safety_filter.md").read_text()
    table = text.partition("| constraint | subject | amount |")[2].partition("\n\n")[0]
    return [
        name
        for line in table.splitlines()[2:]
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]


@pytest.mark.parametrize("name", documented())
def test_every_constraint_has_words(name):
    told = constraint_words(ActiveConstraint(name, "left_hand/right_hand", 0.05))
    assert "_" not in told
    assert told != constraint_words(ActiveConstraint(f"{name}_", "left_hand/right_hand", 0.05))


def test_an_unknown_constraint_keeps_its_name():
    told = constraint_words(ActiveConstraint("moon_phase", "left_elbow_joint", 0.5))
    assert told == "moon phase on left elbow, 0.5"


def test_words_say_what_where_and_by_how_much():
    for constraint, words in (
        (("self_distance", "left_hand/torso", 0.012),
         "left hand and torso are 12 mm inside their margin"),
        (("chunk_stale", "chunk", 0.4), "no fresh action chunk: 400 ms over its limit"),
        (("intent_stale", "intent", 0.0), "no fresh intent: has not come"),
        (("stopping", "all", 0.3), "the robot takes its stop"),
    ):  # fmt: skip
        assert constraint_words(ActiveConstraint(*constraint)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0 ms"), (0.0124, "12 ms"), (0.9996, "1.0 s"), (9.96, "10 s"), (150.0, "2 min")],
)
def test_durations_are_short(seconds, words):
    assert duration(seconds) == words
