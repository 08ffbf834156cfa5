"""What has happened at a table since its reset, kept in physics' own state.

So whoever sets that state back, such as an expert that looks ahead, sets this back with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import mujoco

#: Events that are kept; later ones are not.
CAPACITY = 60


def make_room(spec: mujoco.MjSpec) -> None:
    """A scene whose events are to be kept has this done before it is compiled."""
    spec.nuserdata = 2 + CAPACITY


class EventLog:
    """Events by name, in order.

    Args:
        data: of a scene with room for them.
        names: of all events that there can be.
    """

    def __init__(self, data: mujoco.MjData, names: Sequence[str]) -> None:
        self._data, self._names = data, tuple(names)

    def __iter__(self) -> Iterator[str]:
        cells = self._data.userdata
        return (self._names[int(cells[2 + i])] for i in range(int(cells[0])))

    def add(self, name: str) -> None:
        """It happens now."""
        cells, count = self._data.userdata, int(self._data.userdata[0])
        if count < CAPACITY:
            cells[2 + count] = self._names.index(name)
            cells[0] = count + 1
        cells[1] = self._data.time

    def count(self, name: str) -> int:
        """How often it has happened."""
        return sum(event == name for event in self)

    @property
    def quiet_s(self) -> float:
        """Time since the last one, or since the reset [s]."""
        return float(self._data.time - self._data.userdata[1])
