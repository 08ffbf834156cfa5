"""A recording by its path, whichever format it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vla_core.contract.specification import CameraSpec
from vla_core.errors import VlaError
from vla_core.recordings.bags.part import Part
from vla_core.recordings.sources.bag_recording import BagRecording
from vla_core.recordings.sources.lerobot_recording import LeRobotRecording
from vla_core.recordings.sources.recording import Recording
from vla_core.robot.model import RobotModel


def open_recording(
    path: Path,
    robot: RobotModel,
    cameras: Sequence[str],
    simulated: bool = False,
    part: Part = Part(),
    namespace: str | None = None,
    specs: Sequence[CameraSpec] = (),
) -> Recording:
    """A LeRobot data set where the folder has `meta/info.json`, else a bag.

    Args:
        cameras: of the robot, those that the policy needs, the one that sets the pace first.
        simulated: whether a bag's pictures have the robot's simulated size, not the real one.
        part: of a bag.
        namespace: of the robot in a bag; None: the only one that it can be.
        specs: which cameras' depth or geometry the policy needs, too.

    Raises:
        VlaError: neither, it lacks something that the policy needs, or a part of a data set.
    """
    if (path / "meta" / "info.json").is_file():
        if part != Part() or namespace is not None:
            raise VlaError(
                f"{path}: --from, --to and --bag-namespace are of bags; a data set is cut into "
                "episodes of one robot"
            )
        if asked := [spec.name for spec in specs if spec.depth or spec.geometry]:
            raise VlaError(
                f"{path}: the policy needs depth or geometry of {', '.join(asked)}, which is not "
                "replayed from a data set; replay the bag that it was made of"
            )
        return LeRobotRecording(path, robot, cameras)
    return BagRecording(path, robot, cameras, simulated, part, namespace=namespace, specs=specs)
