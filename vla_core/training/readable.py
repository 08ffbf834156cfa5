"""Episodes of a data set, without those that cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from vla_core.errors import JointMismatchError, VlaError
from vla_core.progress import counted

_Read = TypeVar("_Read")


def readable(
    episodes: Sequence[int], what: str, read: Callable[[int], _Read]
) -> Iterator[tuple[int, _Read]]:
    """Read one after the other, with a bar; one that cannot be read is named and left out.

    Args:
        episodes: their numbers.
        what: they are, for the bar.
        read: gives what is wanted of an episode.

    Yields:
        Number and what was read.

    Raises:
        JointMismatchError: joints are not the robot's, which no other episode would mend.
        VlaError: none could be read: the first one's reason.
    """
    left_out: list[VlaError] = []
    for index in counted(episodes, what):
        try:
            found = read(index)
        except JointMismatchError:
            raise
        except VlaError as error:
            left_out.append(error)
            print(f"episode {index} is left out: {error}", file=sys.stderr)
            continue
        yield index, found
    if left_out and len(left_out) == len(episodes):
        raise left_out[0]
