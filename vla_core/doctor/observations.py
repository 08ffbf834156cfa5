"""Does the recording become observations, by the code that makes them on the robot?"""

from __future__ import annotations

import numpy as np

from vla_core.doctor.contract import Contract
from vla_core.doctor.events import Joints, Picture
from vla_core.doctor.finding import Findings, Kind
from vla_core.doctor.skew import MAX_SKEW_S
from vla_core.observation.alignment import ObservationAligner

#: In the place of every picture: only when they came counts here.
_PIXEL = np.zeros((1, 1, 3), np.uint8)


class Observations:
    """Aligns what is good with the camera node's own class, and counts what comes of it.

    Args:
        contract: whose cameras an observation needs; without any, nothing is judged.
    """

    def __init__(self, contract: Contract, findings: Findings) -> None:
        self._findings = findings
        self._names = {topic: camera.name for topic, camera in contract.cameras.items()}
        self._aligner = None
        if contract.robot is not None and self._names:
            self._aligner = ObservationAligner(
                dict.fromkeys(self._names.values(), (1, 1)),
                contract.robot.joint_names,
                MAX_SKEW_S,
            )
        self._pictures = self._made = 0

    def see_picture(self, picture: Picture) -> None:
        """Take in a picture that is neither black nor of another size."""
        if self._aligner is not None and picture.stamp_ns is not None:
            self._pictures += 1
            name = self._names[picture.topic]
            self._made += len(self._aligner.push_image(name, _PIXEL, picture.stamp_ns))

    def see_joints(self, state: Joints) -> None:
        """Take in measured joints."""
        if self._aligner is not None and state.stamp_ns is not None:
            given = (state.names, state.positions[0], state.velocity, state.stamp_ns)
            self._made += len(self._aligner.push_joint_state(*given))

    def finish(self, end_ns: int) -> None:
        """Judge the whole."""
        if not self._pictures or self._made:
            return
        why = self._aligner.last_drop or "no joint state with a stamp came with them"
        text = f"no observation comes of {self._pictures} good pictures: {why}"
        self._findings.add(Kind.NO_OBSERVATIONS, "", end_ns, text)
