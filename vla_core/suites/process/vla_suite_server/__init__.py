"""A suite's side of the socket: runs in the suite's environment, so it has numpy, pyzmq, msgpack.

This folder is put on the path of that process, where it is `vla_suite_server`. Nothing of `vla_core`
is imported here, and nothing of ROS; a test checks it.
"""
