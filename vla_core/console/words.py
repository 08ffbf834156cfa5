"""Numbers, joints and safety constraints as people say them."""

from __future__ import annotations

from collections.abc import Callable

from vla_core.types import ActiveConstraint

#: Inputs as `FreshnessLimits` names them.
INPUTS = {
    "joint_state": "joint states",
    "observation": "observation",
    "intent": "intent",
    "chunk": "action chunk",
    "teleop": "operator's target",
}


def duration(seconds: float) -> str:
    """E.g. `12 ms`, `3.2 s`, `14 s`, `5 min`."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def plain(name: str) -> str:
    """A name of the robot's description: `right_elbow_joint` is the `right elbow`."""
    return name.removesuffix("_joint").replace("_", " ")


def _too_near(pair: str, amount: float) -> str:
    first, _, second = pair.partition("/")
    return f"{plain(first)} and {plain(second)} are {1000 * amount:.0f} mm inside their margin"


def _stale(name: str) -> Callable[[str, float], str]:
    def words(_: str, amount: float) -> str:
        over = f"{duration(amount)} over its limit" if amount > 0 else "has not come"
        return f"no fresh {INPUTS[name]}: {over}"

    return words


def _joint_limit(what: str) -> Callable[[str, float], str]:
    return lambda joint, over: f"{plain(joint)} at its {what} limit, by {over:.2g}"


def _stopping(subject: str, speed: float) -> str:
    return f"{'the robot' if subject == 'all' else plain(subject)} takes its stop"


_WORDS: dict[str, Callable[[str, float], str]] = {
    "path_speed": lambda _, a: f"slowed along its path to {100 * (1 - a):.0f} %",
    "hand_speed": lambda hand, a: f"{plain(hand)} at its speed limit, by {a:.2f} m/s",
    "position": _joint_limit("position"),
    "velocity": _joint_limit("speed"),
    "acceleration": _joint_limit("acceleration"),
    "jerk": _joint_limit("jerk"),
    "barrier": lambda *_: "pushed aside to keep its distances",
    "stopping": _stopping,
    "tracking_error": lambda joint, a: f"{plain(joint)} is {a:.2f} off its command",
    "delay_exceeded": lambda _, a: f"chunks come too late or unsure: slowed to {100 * (1 - a):.0f} %",
    "operator_distance": lambda joint, a: f"operator's target {a:.2f} away at the {plain(joint)}",
    "chunk_exhausted": lambda *_: "the action chunk is used up, and no newer one has come",
    "clock_set_back": lambda *_: "the clock was set back: waits for new inputs",
    "clock_set_forward": lambda _, a: f"the clock was set forward by {duration(a)}",
    "ruckig_failed": lambda subject, _: f"the joint limiter failed: {plain(subject)}",
    "not_finite": lambda joint, _: f"{plain(joint)} was asked for what is no number",
    "invalid_command": lambda *_: "the limiter gave no valid command: stops",
    **{f"{kind}_distance": _too_near for kind in ("self", "arms", "table", "keep_out")},
    **{f"{name}_stale": _stale(name) for name in INPUTS},
}


def constraint_words(constraint: ActiveConstraint) -> str:
    """A safety constraint for a person, e.g. `right elbow at its position limit, by 0.12`.

    What is not known here is named as the safety filter names it.
    """
    name, subject, amount = constraint
    if name in _WORDS:
        return _WORDS[name](subject, amount)
    return f"{plain(name)} on {plain(subject)}, {amount:.3g}"
