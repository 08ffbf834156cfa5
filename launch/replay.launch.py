"""The graph fed by a recorded bag: `ros2 launch vla_nodes replay.launch.py robot:=… bag:=…`.

The nodes are apart, in the namespace /replay, follow the bag's clock, and command nothing. The
first moment is held until `ros2 service call /replay/bag_player_node/resume std_srvs/srv/Trigger`;
before it, set instruction and mode. `vla replay` does all of it without launch, and measures.
"""

from launch import LaunchDescription
from vla_nodes.graph.description import Graph
from vla_nodes.graph.launch_graph import launch_description


def generate_launch_description() -> LaunchDescription:
    return launch_description(Graph.load(), {"source": "replay", "use_sim_time": "true"})
