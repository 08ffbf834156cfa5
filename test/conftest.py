"""What holds for all tests: MuJoCo renders without a screen."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")  # read when MuJoCo is first imported
