"""vla_core is a library for laptops too: nothing of ROS in it."""

import ast
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent / "vla_core"
ROS = ("rclpy", "launch", "launch_ros", "ament_index_python", "cv_bridge", "tf2_ros", "vla_nodes")


def imported_packages(source: str) -> set[str]:
    """Top-level packages that a file imports, anywhere in it."""
    packages = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            packages.add(node.module.split(".")[0])
    return packages


def ros_packages(packages: set[str]) -> set[str]:
    return {name for name in packages if name in ROS or name.endswith(("_msgs", "_interfaces"))}


def test_the_library_imports_nothing_of_ros():
    files = sorted(LIBRARY.rglob("*.py"))
    assert len(files) > 10
    found = {
        str(file.relative_to(LIBRARY)): wrong
        for file in files
        if (wrong := ros_packages(imported_packages(file.read_text())))
    }
    assert not found


def test_the_check_sees_imports_inside_functions_and_message_packages():
    source = (
        "def f():\n    import rclpy.node\n    from sensor_msgs.msg import Image\n    import numpy"
    )
    assert ros_packages(imported_packages(source)) == {"rclpy", "sensor_msgs"}
