"""A stranger's URDF or xacro becomes a robot of this suite, with every guess marked as one."""
