"""The graph with the simulated robot: `ros2 launch vla_nodes sim.launch.py`."""

from launch import LaunchDescription
from vla_nodes.graph.description import Graph
from vla_nodes.graph.launch_graph import launch_description


def generate_launch_description() -> LaunchDescription:
    return launch_description(Graph.load(), {"source": "sim"})
