"""A suite in a process of its own, and in an environment of its own where it needs one."""
