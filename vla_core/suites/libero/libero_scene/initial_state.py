"""Which of the official initial states a seed's scene begins in."""

from __future__ import annotations


def initial_state(seed: int, in_turn: bool, tasks: int, states: int) -> int:
    """Its number.

    As many seeds in a row as there are states of the tasks that take turns begin in each of them
    once, the first seed being a multiple of that: of all tasks, or of one, two, five or ten.

    Args:
        in_turn: whether all of the suite's tasks take turns by seed, else somebody chose the task.
        tasks: how many the suite has.
        states: how many a task has.
    """
    return (seed // tasks if in_turn else seed + seed // states) % states
