"""The ament_python package vla_nodes: the nodes, the library under them, and their data in share/."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "vla_nodes"
NODES = (
    "camera_node",
    "intent_node",
    "action_node",
    "policy_node",
    "command_node",
    "ready_node",
    "state_publisher_node",
    "teleop_node",
    "sim_robot_node",
    "bag_player_node",
    "fault_injector_node",
    "recorder_node",
    "bringup",
)


def shared_files(*folders: str) -> list[tuple[str, list[str]]]:
    """Every file below the folders, as setuptools wants them: (target folder, files) a folder."""
    files = (path for folder in folders for path in sorted(Path(folder).rglob("*")))
    return [
        (f"share/{NAME}/{path.parent}", [str(path)])
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    ]


setup(
    name=NAME,
    version="0.1.0",
    description="Runs dual-system vision-language-action policies on humanoid and dual-arm robots.",
    maintainer="vla maintainers",
    maintainer_email="maintainers@vla.invalid",
    license="Apache-2.0",
    packages=find_packages(include=["vla_nodes", "vla_nodes.*", "vla_core", "vla_core.*"]),
    package_data={"": ["*.html", "*.jinja", "*.css", "*.js", "*.json", "*.yaml", "*.xml", "*.txt"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *shared_files("launch", "config", "urdf"),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            *(f"{node} = {NAME}.start:{node}" for node in NODES),
            "vla = vla_core.cli.main:main",
        ]
    },
)
