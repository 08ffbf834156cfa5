"""Topics of a robot: relative ones are in the graph's namespace; absolute ones but in a replay not."""

from __future__ import annotations

import pytest

from vla_core.errors import RobotDescriptionError
from vla_core.robot.description import RobotDescription
from vla_core.robot.load import load_robot
from vla_core.robot.topics import full_name, with_full_names


@pytest.mark.parametrize(
    ("topic", "namespace", "apart", "expected"),
    [
        ("joint_states", "", False, "/joint_states"),
        ("joint_states", "/", False, "/joint_states"),
        ("joint_states", "robot1", False, "/robot1/joint_states"),
        ("joint_states", "/robot1", False, "/robot1/joint_states"),
        ("head/image", "/site/robot1", False, "/site/robot1/head/image"),
        ("/joint_states", "", False, "/joint_states"),
        ("/joint_states", "robot1", False, "/joint_states"),
        ("joint_states", "/replay", True, "/replay/joint_states"),
        ("/joint_states", "/replay", True, "/replay/joint_states"),
        ("/arm/cmd", "/replay/robot1", True, "/replay/robot1/arm/cmd"),
    ],
)
def test_a_name_is_resolved_as_ros_does(topic, namespace, apart, expected):
    assert full_name(topic, namespace, apart) == expected


def topics_of(robot: RobotDescription) -> list[str]:
    cameras = [t for c in robot.cameras.values() for t in (c.topic, c.info_topic) if t]
    commands = [controller.topic for controller in robot.command.controllers]
    asked = robot.recording.command_topic
    return [*cameras, robot.joint_states_topic, *commands, *([asked] if asked else [])]


@pytest.mark.parametrize("name", ["g1_inspire", "g1_bottle"])
def test_all_topics_of_a_shipped_robot_move_with_the_namespace(name):
    robot = load_robot(name)
    relative = topics_of(robot)
    assert not any(topic.startswith("/") for topic in relative)
    assert topics_of(with_full_names(robot)) == [f"/{topic}" for topic in relative]
    named = with_full_names(robot, "/robot1")
    assert topics_of(named) == [f"/robot1/{topic}" for topic in relative]
    assert topics_of(with_full_names(named)) == topics_of(named)


def test_a_robot_with_absolute_topics_is_in_no_namespace_but_that_of_a_replay(tiny_robot):
    robot = load_robot(tiny_robot())
    absolute = ["/head/image_raw", "/joint_states", "/command"]
    assert topics_of(robot) == topics_of(with_full_names(robot, "/robot1")) == absolute
    moved = with_full_names(robot, "/replay", apart=True)
    assert topics_of(moved) == [f"/replay{topic}" for topic in absolute]


@pytest.mark.parametrize("topic", ["//a", "a/", "~/a", "a b", "1a", "a-b", "a//b", "/"])
def test_what_is_no_topic_is_refused_by_file_and_key(tiny_robot, topic):
    file = tiny_robot("topic: /joint_states", f"topic: {topic!r}")
    with pytest.raises(RobotDescriptionError, match=r"tiny.yaml, joint_states.topic: got .* topic"):
        load_robot(file)
