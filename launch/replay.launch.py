"""The graph fed by a recorded bag: `ros2 launch vla_nodes replay.launch.py robot:=… bag:=…`.

The nodes follow the bag's clock, so ages are those of the recording. `vla replay` does the same
without ROS 2 launch and rosbag2.
"""

from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription
from vla_nodes.graph import Graph
from vla_nodes.launch_graph import launch_description


def generate_launch_description() -> LaunchDescription:
    bag, rate = LaunchConfiguration("bag"), LaunchConfiguration("bag_rate")
    graph = launch_description(Graph.load(), {"source": "replay", "use_sim_time": "true"})
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="folder of the rosbag2"),
            DeclareLaunchArgument("bag_rate", default_value="1.0", description="speed of replay"),
            *graph.entities,
            ExecuteProcess(
                cmd=["ros2", "bag", "play", bag, "--clock", "200", "--rate", rate], output="screen"
            ),
        ]
    )
