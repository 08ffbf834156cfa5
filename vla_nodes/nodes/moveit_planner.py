"""Paths by MoveItPy, where `moveit_py` is installed, looked at as closely as our own.

MoveIt sees the robot's URDF and the same SRDF, and our boxes as collision objects. What it plans is
taken only if it keeps the distances that `Clearance` asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from geometry_msgs.msg import Pose
from scipy.spatial.transform import Rotation
from shape_msgs.msg import SolidPrimitive

from vla_core.errors import ConfigError
from vla_core.paths import root
from vla_core.planning.path_planner import Clearance, PlanningError
from vla_core.safety.collision import CollisionModel
from vla_core.safety.description import Box

_FILES = {"urdf", "srdf", "kinematics", "planning", "controllers", "joint_limits"}


class MoveItPlanner:
    """A `PathPlanner` by MoveIt's planning pipeline.

    Args:
        collision: of the robot.
        name: of the MoveIt configuration, under `config/moveit` or a folder.
        timeout_s: longest search [s].

    Raises:
        ConfigError: `moveit_py` is not installed, the configuration is not complete, or MoveIt
            does not start with it.
    """

    def __init__(self, collision: CollisionModel, name: str, timeout_s: float) -> None:
        configuration = moveit_configuration(name)
        try:
            from moveit.core.robot_state import RobotState
            from moveit.planning import MoveItPy
        except ImportError as error:
            raise ConfigError(
                f"moveit {name!r}",
                f"moveit_py cannot be imported ({error}); install ros-<distro>-moveit-py and "
                "ros-<distro>-moveit-planners-ompl, or leave `moveit` empty: OMPL plans then",
            ) from error
        self._collision = collision
        self._group = configuration.pop("group")
        configuration["plan_request_params"]["planning_time"] = timeout_s
        try:
            self._moveit = MoveItPy(node_name="vla_moveit", config_dict=configuration)
        except RuntimeError as error:
            raise ConfigError(
                f"moveit {name!r}",
                f"MoveIt does not start: {error}; its log says more. It plans by OMPL: is "
                "ros-<distro>-moveit-planners-ompl installed?",
            ) from error
        self._state = RobotState
        self._refuse_partial_group(name)
        self._add_boxes()

    def plan(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """As `PathPlanner.plan`; positions outside the limits are planned from the limits."""
        component = self._moveit.get_planning_component(self._group)
        component.set_start_state(robot_state=self._robot_state(start))
        component.set_goal_state(robot_state=self._robot_state(goal))
        result = component.plan()
        if not result:
            raise PlanningError("MoveIt found no path; its log says why")
        path = self._waypoints(result.trajectory.get_robot_trajectory_msg().joint_trajectory)
        path[0], path[-1] = start, goal
        ends = np.array((start, goal))
        if problem := Clearance(self._collision, ends).problem(path):
            raise PlanningError(f"MoveIt's path is not clear: {problem}; plan again")
        return path

    def _refuse_partial_group(self, name: str) -> None:
        group = self._moveit.get_robot_model().get_joint_model_group(self._group)
        moved = set() if group is None else set(group.active_joint_model_names)
        joints = self._collision.robot.description.joints
        if missing := [each.urdf_joint for each in joints if each.urdf_joint not in moved]:
            raise ConfigError(
                f"moveit {name!r}, group",
                f"{self._group!r} lacks {missing}; name a group of every joint of the robot",
            )

    def _robot_state(self, position: np.ndarray) -> Any:
        robot = self._collision.robot
        state = self._state(self._moveit.get_robot_model())
        # MoveIt refuses a start that is outside its limits by any amount.
        values = robot.to_urdf(np.clip(position, robot.limits.lower, robot.limits.upper))
        names = [joint.urdf_joint for joint in robot.description.joints]
        state.joint_positions = dict(zip(names, map(float, values), strict=True))
        state.update()
        return state

    def _waypoints(self, trajectory: Any) -> np.ndarray:
        """`(n, dof)` positions of a `trajectory_msgs/JointTrajectory`, in the robot's units."""
        robot = self._collision.robot
        places = {name: place for place, name in enumerate(trajectory.joint_names)}
        order = [places[joint.urdf_joint] for joint in robot.description.joints]
        positions = np.array([point.positions for point in trajectory.points])
        return robot.from_urdf(positions[:, order])

    def _add_boxes(self) -> None:
        from moveit_msgs.msg import CollisionObject

        with self._moveit.get_planning_scene_monitor().read_write() as scene:
            for box in self._collision.boxes:
                thing = CollisionObject(id=box.name, operation=CollisionObject.ADD)
                thing.header.frame_id = self._collision.robot.description.base_link
                size = [float(edge) for edge in box.size]
                thing.primitives = [SolidPrimitive(type=SolidPrimitive.BOX, dimensions=size)]
                thing.primitive_poses = [box_pose(box)]
                scene.apply_collision_object(thing)
            for box in self._collision.boxes:
                for link in box.allowed:
                    scene.allowed_collision_matrix.set_entry(box.name, link, True)


def moveit_configuration(name: str) -> dict[str, Any]:
    """Parameters of MoveItPy's node, and the planning group under `group`.

    Raises:
        ConfigError: no such configuration, or one of its files is missing.
    """
    folder = Path(name) if Path(name).is_dir() else root() / "config" / "moveit" / name
    listed = folder / "moveit.yaml"
    if not listed.is_file():
        raise ConfigError(str(listed), "no such file; see config/moveit/g1_inspire")
    given = yaml.safe_load(listed.read_text())
    if set(given) != _FILES | {"group"}:
        raise ConfigError(
            str(listed), f"got keys {sorted(given)}, expected {sorted(_FILES | {'group'})}"
        )
    texts = {}
    for key in _FILES:
        path = (folder / given[key]).resolve()
        if not path.is_file():
            raise ConfigError(f"{listed}, {key}", f"{path} does not exist")
        texts[key] = path.read_text()
    loaded = {key: yaml.safe_load(texts[key]) for key in _FILES - {"urdf", "srdf"}}
    return {
        "group": given["group"],
        "robot_description": texts["urdf"],
        "robot_description_semantic": texts["srdf"],
        "robot_description_kinematics": loaded["kinematics"],
        "robot_description_planning": loaded["joint_limits"],
        "planning_pipelines": {"pipeline_names": ["ompl"]},
        "ompl": loaded["planning"],
        "plan_request_params": {
            "planning_pipeline": "ompl",
            "planner_id": "RRTConnect",
            "planning_attempts": 1,
            "max_velocity_scaling_factor": 1.0,
            "max_acceleration_scaling_factor": 1.0,
        },
        "planning_scene_monitor_options": {
            "name": "planning_scene_monitor",
            "robot_description": "robot_description",
            "wait_for_initial_state_timeout": 0.0,
        },
        **loaded["controllers"],
    }


def box_pose(box: Box) -> Pose:
    """Where a box is in the base frame."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = (float(value) for value in box.centre)
    quaternion = Rotation.from_euler("xyz", box.rpy).as_quat()
    turned = pose.orientation
    turned.x, turned.y, turned.z, turned.w = (float(value) for value in quaternion)
    return pose
