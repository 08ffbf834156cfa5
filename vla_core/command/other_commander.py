"""Somebody else who commands the robot while this command node does."""

from __future__ import annotations

from typing import NamedTuple


class OtherCommander(NamedTuple):
    """A node that publishes a command topic of the robot, whether it has sent anything yet or not.

    Attributes:
        node: its full name.
        topic: what it publishes.
    """

    node: str
    topic: str

    def __str__(self) -> str:
        return f"{self.node} publishes {self.topic} and so commands this robot, too; stop it first"
