"""MoveItPlanner with a MoveItPy that answers as the real one does."""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from std_msgs.msg import Header

from vla_core.errors import ConfigError
from vla_core.planning.path_planner import PlanningError
from vla_core.robot.model import RobotModel
from vla_core.safety.collision import CollisionModel
from vla_core.safety.load_description import load_safety
from vla_nodes.nodes.moveit_planner import MoveItPlanner


class FakeState:
    """`moveit.core.robot_state.RobotState`."""

    def __init__(self, model: FakeMoveIt) -> None:
        self.joint_positions: dict[str, float] = {}

    def update(self) -> None:
        """Real ones compute transforms."""


class FakeMoveIt:
    """`moveit.planning.MoveItPy`, its robot model, planning component and scene.

    Its path is the straight line, with the joints in another order than the robot's.
    """

    error = ""
    left_out = ""
    has_path = True

    def __init__(self, node_name: str, config_dict: dict) -> None:
        if self.error:
            raise RuntimeError(self.error)
        self._limits = config_dict["robot_description_planning"]["joint_limits"]
        self.boxes: list[str] = []
        self.allowed: set[tuple[str, str]] = set()
        self.allowed_collision_matrix = self

    def get_robot_model(self) -> FakeMoveIt:
        return self

    def get_joint_model_group(self, name: str) -> SimpleNamespace | None:
        if name != "upper_body":
            return None
        names = [name for name in reversed(self._limits) if name != self.left_out]
        return SimpleNamespace(active_joint_model_names=names)

    def get_planning_scene_monitor(self) -> FakeMoveIt:
        return self

    def read_write(self) -> contextlib.AbstractContextManager[FakeMoveIt]:
        return contextlib.nullcontext(self)

    def apply_collision_object(self, thing: SimpleNamespace) -> None:
        self.boxes.append(thing.id)

    def set_entry(self, first: str, second: str, allowed: bool) -> None:
        self.allowed.add((first, second))

    def get_planning_component(self, name: str) -> FakeMoveIt:
        return self

    def set_start_state(self, robot_state: FakeState) -> None:
        self.start = robot_state.joint_positions

    def set_goal_state(self, robot_state: FakeState) -> None:
        self.goal = robot_state.joint_positions

    def plan(self) -> FakeResult:
        inside = all(
            limit["min_position"] <= self.start[name] <= limit["max_position"]
            for name, limit in self._limits.items()
        )
        names = list(reversed(self._limits))
        points = [[at[name] for name in names] for at in (self.start, self.goal)]
        return FakeResult(inside and self.has_path, names, points)


class FakeResult:
    """`MotionPlanResponse`: its truth is whether planning succeeded."""

    def __init__(self, succeeded: bool, names: list[str], points: list[list[float]]) -> None:
        self._succeeded = succeeded
        trajectory = SimpleNamespace(
            joint_names=names, points=[SimpleNamespace(positions=point) for point in points]
        )
        message = SimpleNamespace(joint_trajectory=trajectory)
        self.trajectory = SimpleNamespace(get_robot_trajectory_msg=lambda: message)

    def __bool__(self) -> bool:
        return self._succeeded


@pytest.fixture(scope="module")
def collision() -> CollisionModel:
    robot = RobotModel.load("g1_inspire")
    return CollisionModel(robot, load_safety(robot.description))


@pytest.fixture
def moveit(monkeypatch) -> type[FakeMoveIt]:
    """A fresh MoveItPy class, importable as the real one is."""

    class Fresh(FakeMoveIt):
        pass

    class CollisionObject(SimpleNamespace):
        ADD = b"\x00"

        def __init__(self, **fields) -> None:
            super().__init__(header=Header(), **fields)

    for name, content in {
        "moveit": {},
        "moveit.core": {},
        "moveit.core.robot_state": {"RobotState": FakeState},
        "moveit.planning": {"MoveItPy": Fresh},
        "moveit_msgs": {},
        "moveit_msgs.msg": {"CollisionObject": CollisionObject},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return Fresh


def test_paths_are_in_the_robots_order(collision, moveit):
    ready = collision.robot.ready_pose
    start = ready + 0.01 * np.arange(len(ready)) / len(ready)
    path = MoveItPlanner(collision, "g1_inspire", 1.0).plan(start, ready)
    np.testing.assert_array_equal(path, [start, ready])


def test_a_start_just_outside_the_limits_is_planned_from_the_limits(collision, moveit):
    """MoveIt's CheckStartStateBounds has no tolerance; a command may end on a limit, rounded."""
    ready, finger = collision.robot.ready_pose, collision.robot.joint_names[-2]
    start = ready.copy()
    start[-2] = -1e-9
    planner = MoveItPlanner(collision, "g1_inspire", 1.0)
    path = planner.plan(start, ready)
    assert planner._moveit.start[finger] == 0.0
    np.testing.assert_array_equal(path[0], start)


def test_no_path_is_a_planning_error(collision, moveit):
    moveit.has_path = False
    ready = collision.robot.ready_pose
    with pytest.raises(PlanningError, match="MoveIt found no path"):
        MoveItPlanner(collision, "g1_inspire", 1.0).plan(ready, ready)


def test_every_box_stands_in_moveits_scene_with_its_exceptions(collision, moveit):
    scene = MoveItPlanner(collision, "g1_inspire", 1.0)._moveit
    assert scene.boxes == [box.name for box in collision.boxes]
    assert scene.allowed == {(box.name, link) for box in collision.boxes for link in box.allowed}


def test_what_moveit_raises_at_its_start_is_a_refusal(collision, moveit):
    """A missing planner plugin comes as RuntimeError, which would look like a bug of the node."""
    moveit.error = "class ompl_interface/OMPLPlanner does not exist"
    with pytest.raises(ConfigError, match="OMPLPlanner does not exist.*moveit-planners-ompl"):
        MoveItPlanner(collision, "g1_inspire", 1.0)


def test_a_group_that_leaves_joints_out_is_refused_at_load(collision, moveit):
    moveit.left_out = "waist_yaw_joint"
    with pytest.raises(ConfigError, match=r"'upper_body' lacks \['waist_yaw_joint'\]"):
        MoveItPlanner(collision, "g1_inspire", 1.0)
