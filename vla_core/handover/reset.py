"""Who resets an emergency stop has a name, which is the mode's reason and in the log."""

from __future__ import annotations

LONGEST_NAME = 100


def why_nobody(by: str) -> str:
    """Why `by` is no name of somebody who resets; "" if it is one."""
    if not by.strip():
        return "nobody is named; say who resets the emergency stop"
    if len(by) > LONGEST_NAME:
        return f"the name has {len(by)} characters, at most {LONGEST_NAME} are taken"
    if not by.isprintable():
        return "the name has characters that cannot be printed"
    return ""
