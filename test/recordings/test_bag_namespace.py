"""Whose topics those of a bag are, by a table of bags and robots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vla_core.recordings.bags.bag import BagError
from vla_core.recordings.bags.bag_namespace import namespace_in, told_topics
from vla_core.robot.load import load_robot
from vla_core.robot.topics import full_name, with_full_names

RELATIVE = load_robot("g1_bottle")
BAG = Path("a bag")


def topics(*namespaces: str, words_only: tuple[str, ...] = ()) -> set[str]:
    """Of robots in namespaces, and of others of which only the words were recorded."""
    own = [*RELATIVE.joint_states_topics, *(c.topic for c in RELATIVE.cameras.values())]
    told = ["vla/mode", "vla/instruction"]
    everything = {full_name(name, each) for each in namespaces for name in (*own, *told)}
    return everything | {full_name(name, each) for each in words_only for name in told}


@pytest.mark.parametrize(
    ("robot", "there", "asked", "found"),
    [
        (RELATIVE, topics(""), None, ""),
        (RELATIVE, topics("alice"), None, "/alice"),
        (RELATIVE, topics("site/alice"), None, "/site/alice"),
        (RELATIVE, topics("alice", words_only=("bob",)), None, "/alice"),
        (RELATIVE, topics("alice", "bob"), "alice", "/alice"),
        (RELATIVE, topics("alice", "bob"), "/bob/", "/bob"),
        (RELATIVE, set(), None, ""),
        (with_full_names(RELATIVE, "alice"), topics("alice", "bob"), None, "/alice"),
        (with_full_names(RELATIVE, "alice"), topics("", "alice"), None, "/alice"),
        (with_full_names(RELATIVE), topics(""), None, ""),
        (with_full_names(RELATIVE), topics(words_only=("bob",)), None, "/bob"),
        (with_full_names(RELATIVE), topics("", "bob"), None, ""),
    ],
)
def test_a_robots_own_namespace_is_found(robot, there, asked, found):
    assert namespace_in(BAG, there, robot, asked) == found


@pytest.mark.parametrize(
    ("robot", "there", "asked", "words"),
    [
        (RELATIVE, topics("alice", "bob"), None, "several robots, in /alice, /bob: say whose"),
        (RELATIVE, topics("", "bob"), None, "several robots, in /, /bob"),
        (RELATIVE, topics("alice"), "carol", "nothing of .* '/carol'; there is /alice"),
        (
            with_full_names(RELATIVE),
            topics(words_only=("alice", "bob")),
            None,
            "several robots, in /alice, /bob",
        ),
    ],
)
def test_what_could_be_either_is_refused_by_name(robot, there, asked, words):
    with pytest.raises(BagError, match=words):
        namespace_in(BAG, there, robot, asked)


def test_words_of_other_robots_are_not_this_ones():
    there = topics("alice", words_only=("bob",))
    assert told_topics(BAG, there, "/alice") == ["/alice/vla/instruction", "/alice/vla/mode"]
    with pytest.raises(BagError, match="modes are told in /bob, the robot's topics are in /alice"):
        told_topics(BAG, topics(words_only=("bob",)), "/alice")
    assert told_topics(BAG, {"/joint_states"}, "") == []
    assert replace(RELATIVE, joint_states_topics=("a", "b")).joint_states_topic == "a"
