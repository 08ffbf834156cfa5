"""The graph on a robot: `ros2 launch vla_nodes bringup.launch.py robot:=… policy:=…`.

System 2 on another host: `system2:=elsewhere` on the robot, `system2:=only` on the other host.
"""

from launch import LaunchDescription
from vla_nodes.graph.description import Graph
from vla_nodes.graph.launch_graph import launch_description


def generate_launch_description() -> LaunchDescription:
    return launch_description(Graph.load())
