"""Texts that may hold anything, as they may be said: short, and without control characters."""

from __future__ import annotations

#: Longest text that is said of one message [characters].
LONGEST = 200
_GAP = " … "


def bounded_text(text: str, longest: int = LONGEST, keep: str = "") -> str:
    """A text with control characters escaped, and its middle left out where it is too long.

    The end stays, since what to do stands there.

    Args:
        longest: most characters of the result.
        keep: characters that are not escaped, such as line breaks.
    """
    head, tail = longest - longest // 3 - len(_GAP), longest // 3
    if len(text) <= longest:
        text = _escaped(text, keep)
        if len(text) <= longest:
            return text
    return _escaped(text[:longest], keep)[:head] + _GAP + _escaped(text[-tail:], keep)[-tail:]


def _escaped(text: str, keep: str) -> str:
    return "".join(
        character
        if character.isprintable() or character in keep
        else character.encode("unicode_escape").decode()
        for character in text
    )
