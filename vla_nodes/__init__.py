"""ROS 2 nodes: each declares parameters, wires topics and delegates to `vla_core`."""
