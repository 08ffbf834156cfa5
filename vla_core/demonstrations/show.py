"""A suite's expert shows tasks in several processes; what is shown does not depend on how many."""

from __future__ import annotations

import atexit
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import islice

from vla_core.contract.abilities import Demonstrated, Demonstrator
from vla_core.contract.episode import Episode
from vla_core.contract.suite import SuiteTask
from vla_core.errors import VlaError
from vla_core.robot.model import RobotModel
from vla_core.worker import Refusal, results


@dataclass(frozen=True)
class Asked:
    """What is to be shown in every scene.

    Attributes:
        suite: whose expert.
        robot: a name under `config/robots`, or a YAML.
        image_size: side of the pictures [pixels]; None: as the robot's YAML has them.
        recoveries: whether from disturbances, too.
        deep: whether with depth; the suite is then `DeeplyDemonstrated`, too.
        cameras: that pictures are of; None: all of the suite's.
    """

    suite: Demonstrated
    robot: str
    image_size: int | None = None
    recoveries: bool = True
    deep: bool = False
    cameras: tuple[str, ...] | None = None


#: In a worker: who shows.
_demonstrator: Demonstrator | None = None


def show(
    asked: Asked, scenes: Iterable[tuple[int, SuiteTask | None]], workers: int = 2
) -> Generator[list[Episode], None, None]:
    """What is shown in each scene, in their order; nothing where the expert failed.

    Closing it ends the processes, once they have shown what they are at.

    Args:
        scenes: seed and task of each, as `Demonstrator.demonstrate` takes them.
        workers: processes.

    Raises:
        WorkerError: the suite or the robot refused in a worker, or one ended.
    """
    return results(_show, ((asked, *scene) for scene in scenes), workers)


def _show(asked: Asked, seed: int, task: SuiteTask | None) -> list[Episode] | Refusal:
    global _demonstrator
    try:
        if _demonstrator is None:
            suite = asked.suite
            begin = suite.deep_demonstrator if asked.deep else suite.demonstrator
            robot = RobotModel.load(asked.robot)
            _demonstrator = begin(robot, asked.image_size, asked.cameras)
            atexit.register(_demonstrator.close)
        return list(islice(_demonstrator.demonstrate(seed, task), None if asked.recoveries else 1))
    except VlaError as error:
        return Refusal(str(error))
