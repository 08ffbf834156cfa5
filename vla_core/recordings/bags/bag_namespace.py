"""Whose topics those of a bag are: a robot's own namespace in it, or a refusal by name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vla_core.recordings.bags.bag import BagError
from vla_core.robot.description import RobotDescription
from vla_core.robot.topics import full_name

#: What the suite itself says of a robot, in its namespace.
INSTRUCTION, MODE = "vla/instruction", "vla/mode"
INTERVENTION, SUCCESS = "vla/intervention", "vla/task_success"
TOLD = (INSTRUCTION, MODE, INTERVENTION, SUCCESS)


def namespace_in(
    path: Path, topics: Collection[str], robot: RobotDescription, asked: str | None = None
) -> str:
    """The namespace that the robot's relative topics, and the suite's, are in.

    Args:
        path: of the bag, for messages.
        topics: that are in it.
        robot: as its YAML names its topics.
        asked: by whoever reads it; None: it has to be found.

    Returns:
        E.g. `/robot1`; empty: the root, also where none of the robot's topics is found.

    Raises:
        BagError: there are several and nobody says which, or the one asked for has nothing.
    """
    own = [*robot.joint_states_topics, *(camera.topic for camera in robot.cameras.values())]
    relative = [topic for topic in own if not topic.startswith("/")]
    found = _holding(topics, relative or TOLD)
    if asked is not None:
        wanted = full_name(asked).rstrip("/")
        if wanted not in found:
            raise BagError(
                f"{path}: nothing of {robot.name} is in the namespace {wanted or '/'!r}; there is "
                f"{_named(found)}"
            )
        return wanted
    if relative:
        whole = [each for each in found if all(full_name(t, each) in topics for t in relative)]
        found = whole or found
    else:
        found = _nearest(found, own) or found
    if len(found) > 1:
        raise BagError(
            f"{path}: holds several robots, in {_named(found)}: say whose recording it is to be "
            "with --bag-namespace"
        )
    return found[0] if found else ""


def told_topics(path: Path, topics: Collection[str], namespace: str) -> list[str]:
    """The suite's own topics of one robot in a bag: modes, instructions, interventions, success.

    Raises:
        BagError: the bag tells modes, but of other robots only.
    """
    mine = [name for name in (full_name(t, namespace) for t in TOLD) if name in topics]
    others = _holding(topics, [MODE])
    if not mine and others:
        raise BagError(
            f"{path}: modes are told in {_named(others)}, the robot's topics are in "
            f"{namespace or '/'}: they are not this robot's"
        )
    return mine


def _holding(topics: Collection[str], names: Collection[str]) -> list[str]:
    """Namespaces in which a topic has one of these names."""
    return sorted(
        {t.removesuffix(f"/{name}") for t in topics for name in names if t.endswith(f"/{name}")}
    )


def _nearest(namespaces: list[str], own: list[str]) -> list[str]:
    """The longest namespace that all of the robot's absolute topics are in."""
    around = [each for each in namespaces if all(t.startswith(f"{each}/") for t in own)]
    return around and [max(around, key=len)]


def _named(namespaces: list[str]) -> str:
    return ", ".join(each or "/" for each in namespaces) or "none"
