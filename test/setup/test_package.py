"""The files that a ROS 2 workspace reads agree with each other and with the code."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = (ROOT / "setup.py").read_text()


def test_both_packages_have_the_same_version_and_an_address_that_catkin_pkg_accepts():
    from catkin_pkg.package import parse_package

    nodes, messages = parse_package(ROOT), parse_package(ROOT / "vla_msgs")
    assert nodes.version == messages.version
    assert f'version="{nodes.version}"' in SETUP
    assert [nodes.get_build_type(), messages.get_build_type()] == ["ament_python", "ament_cmake"]


@pytest.mark.parametrize("node", re.findall(r'"(\w+_node|bringup)"', SETUP))
def test_every_executable_has_its_main(node):
    assert re.search(r"^def main\(", (ROOT / "vla_nodes/nodes" / f"{node}.py").read_text(), re.MULTILINE)


def test_the_profile_of_the_command_node_has_no_shared_memory():
    names = {"dds": "http://www.eprosima.com"}
    profile = ElementTree.parse(ROOT / "config" / "fastdds_command.xml")
    assert [item.text for item in profile.findall(".//dds:type", names)] == ["UDPv4"]
    assert profile.find(".//dds:useBuiltinTransports", names).text == "false"


def test_the_shared_memory_segment_holds_many_camera_images():
    names = {"dds": "http://www.eprosima.com"}
    profile = ElementTree.parse(ROOT / "config" / "fastdds.xml")
    segment = int(profile.find(".//dds:segment_size", names).text.strip())
    assert segment >= 32 * 640 * 480 * 3
    used = {item.text for item in profile.findall(".//dds:userTransports/dds:transport_id", names)}
    declared = {
        item.text.strip()
        for item in profile.findall(".//dds:transport_descriptor/dds:transport_id", names)
    }
    assert used == declared
