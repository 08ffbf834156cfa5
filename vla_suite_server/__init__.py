"""A suite's side of the socket: runs in the suite's environment, so it has numpy, pyzmq, msgpack.

Nothing of `vla_core` is imported here, and nothing of ROS; a test checks it.
"""
