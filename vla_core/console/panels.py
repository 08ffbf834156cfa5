"""A snapshot as text: one function a panel, and nothing remembered in between."""

from __future__ import annotations

from collections.abc import Iterator

from rich.style import Style
from rich.text import Text

from vla_core.console import keys
from vla_core.console.snapshot import NODE_SILENT_S, NodeLevel, Snapshot
from vla_core.console.streams import Standing, streams
from vla_core.console.words import constraint_words, duration, plain
from vla_core.handover.keyboard import Grip
from vla_core.handover.modes import TRANSITIONS, Act, ModeEvent, Transition, may_become
from vla_core.types import ControlMode

GOOD, SOFT, WARN = Style(color="green"), Style(dim=True), Style(color="yellow", bold=True)
BAD = Style(color="#ffffff", bgcolor="#c00000", bold=True)
_STATUS = "vla/safety_status"
TITLE = Style(bold=True, underline=True)

_MODE_STYLES = {
    ControlMode.ESTOP: BAD,
    ControlMode.STOPPING: WARN,
    ControlMode.BLEND: WARN,
    ControlMode.POLICY: Style(color="green", bold=True),
    ControlMode.TELEOP: Style(color="cyan", bold=True),
}
#: What leads on; what is lost stops the robot from everywhere.
_BY_ITSELF = (ModeEvent.JOINED, ModeEvent.RENEWED, ModeEvent.STOOD_STILL)
_STANDING_STYLES = {Standing.FRESH: GOOD, Standing.LATE: BAD, Standing.UNTOLD: BAD}
#: The client renews its snapshot 25 times a second; an older one is told [s].
_STANDS_STILL_S = 1.0
#: Rows of constraints that have room beside the streams.
_MOST_CONSTRAINTS = 6
_MOST_ANSWERS = 3
#: A constraint that acted in this time acts now, for a person [s].
_ACTS_S = 0.2


def header(snapshot: Snapshot, stands_s: float, clock: str) -> Text:
    """Who is listened to, and whether anything is heard.

    Args:
        stands_s: since when the client gave no newer snapshot [s].
        clock: the time of day; where it stands on the screen, the line does.
    """
    text = Text()
    where = f"/{snapshot.namespace.strip('/')}"
    text.append(f"vla console  {where}  {snapshot.robot or 'no robot yet'}  {clock}  ", "bold")
    if stands_s > _STANDS_STILL_S:
        text.append(f" CONSOLE STANDS STILL for {duration(stands_s)} ", BAD)
    elif snapshot.command is None:
        text.append("waits for the command node", WARN)
    elif snapshot.command.silent:
        silent = duration(snapshot.command.heard_s)
        text.append(f" COMMAND NODE SILENT for {silent} ", BAD)
    else:
        text.append("live", GOOD)
    return text


def banner(snapshot: Snapshot, typing: bool) -> Text:
    """How to stop the robot, always."""
    if snapshot.estop_unconfirmed:
        return Text(" E-STOP IS SENT, NOT CONFIRMED: use the hardware button ", BAD)
    if typing:
        key = "Ctrl-E or F12: E-STOP (the space bar types)"
    else:
        key = "SPACE: E-STOP (or Ctrl-E, F12)"
    return Text(f" {key}. The hardware button comes first", BAD)


def mode(snapshot: Snapshot) -> Text:
    """Who moves the robot, why, and what may follow."""
    text = Text()
    now = snapshot.mode
    if now is None:
        topic = f"/{snapshot.namespace}/{_STATUS}".replace("//", "/")
        return text.append(f"mode not known: nothing was heard on {topic} yet", WARN)
    silent = snapshot.command is None or snapshot.command.silent
    text.append(f" {now.name} ", SOFT if silent else _MODE_STYLES.get(now, "bold reverse"))
    if snapshot.mode_for_s is not None:
        text.append(f" for {duration(snapshot.mode_for_s)}")
    text.append(f": {snapshot.mode_reason}" if snapshot.mode_reason else "")
    if silent:
        text.append("  was said last; not known now", BAD)
    for line in _may_follow(now):
        text.append("\n").append_text(line)
    return text


def _may_follow(now: ControlMode) -> Iterator[Text]:
    for row in TRANSITIONS:
        if row.start is now and row.trigger in _BY_ITSELF:
            yield Text(f"  by itself {row.enters.name}: once {row.trigger.value}")
    for row in may_become(now):
        key = keys.KEY_OF.get(row.trigger)
        if key is not None:
            line = Text("  ").append(f"{key:>3}", "bold").append(f" {row.trigger.name}")
            yield line.append(_conditions(row), SOFT)


def _conditions(row: Transition) -> str:
    by = f", to {row.enters.name}" if isinstance(row.trigger, Act) else ""
    if isinstance(row.trigger, ControlMode) and row.enters is not row.trigger:
        by = f", by way of {row.enters.name}"
    if not row.conditions:
        return by
    return f"{by}, if " + "; ".join(sorted(condition.value for condition in row.conditions))


def rates(snapshot: Snapshot) -> Text:
    """Rates, and ages beside their limits."""
    text = Text().append(_row("stream", "Hz", "age", "limit"), TITLE)
    for row in streams(snapshot):
        rate = "-" if row.rate_hz is None else f"{row.rate_hz:.1f}"
        age, limit = ("-" if s is None else duration(s) for s in (row.age_s, row.limit_s))
        text.append(f"\n{_row(row.name, rate, age, limit)} ")
        text.append(row.standing.value, _STANDING_STYLES.get(row.standing, SOFT))
    return text


def _row(name: str, rate: str, age: str, limit: str) -> str:
    return f"{name:<13} {rate:>5} {age:>6} {limit:>6}"


def constraints(snapshot: Snapshot) -> Text:
    """What the safety filter does, or just did."""
    text = _titled("safety filter")
    command = snapshot.command
    if command is None or command.silent:
        return text.append("\n").append("not known: the command node is not heard", WARN)
    if not command.constraints:
        return text.append("\n").append("passes everything unchanged", GOOD)
    for recent in command.constraints[:_MOST_CONSTRAINTS]:
        acts = recent.age_s < _ACTS_S
        ago = "now" if acts else f"{duration(recent.age_s)} ago"
        words = f"\n{ago}: {constraint_words(recent.constraint)}"
        text.append(words, WARN if acts else SOFT)
    more = len(command.constraints) - _MOST_CONSTRAINTS
    return text.append(f"\nand {more} more", SOFT) if more > 0 else text


def operator(snapshot: Snapshot) -> Text:
    """Who has the robot by hand, how far away they are, and what the keyboard does."""
    text = _titled("operator", "  ")
    found = snapshot.intervention
    if found is None:
        text.append("nobody has taken over yet", SOFT)
    elif found.over:
        text.append(f"{found.end_cause}", SOFT)
    else:
        text.append(f"{found.operator or 'an operator'} with {found.source} has the robot", WARN)
    if (distance := _distance(snapshot)) is not None:
        text.append(f"  {distance}", WARN)
    state = snapshot.keyboard
    if state.grip is Grip.HELD:
        text.append(f"\nkeyboard moves the {state.side.value} hand; held for ", "bold cyan")
        text.append(f"{state.left_s:.1f} s more  ", "bold cyan")
        text.append(keys.TELEOP_HELP, SOFT)
    elif state.grip is Grip.SILENT:
        text.append(f"\nkeyboard: {state.grip.value}", BAD)
    return text


def _distance(snapshot: Snapshot) -> str | None:
    command = snapshot.command
    if command is None or command.silent:
        return None
    for (name, joint, amount), age_s in (
        (recent.constraint, recent.age_s) for recent in command.constraints
    ):
        if name == "operator_distance" and age_s < _ACTS_S:
            bar = "#" * min(20, max(1, round(20 * amount)))
            return f"{amount:.2f} away at the {plain(joint)} {bar}"
    return None


def instruction(snapshot: Snapshot) -> Text:
    """What the robot is told to do."""
    text = _titled("instruction", "  ")
    given = snapshot.instruction
    if given is None:
        return text.append("none was heard of", SOFT)
    return text.append(f"{given.id}: {given.text}" if given.text else "nothing to do")


def nodes(snapshot: Snapshot) -> Text:
    """Nodes that lack something, or are silent; a word where all is well."""
    text = _titled("nodes", "  ")
    if not snapshot.nodes:
        return text.append("none was heard", WARN)
    well = 0
    for node in snapshot.nodes:
        name = node.name.rpartition("/")[2]
        if node.age_s > NODE_SILENT_S:
            text.append(f"{name} silent for {duration(node.age_s)}  ", BAD)
        elif node.level is not NodeLevel.OK:
            style = BAD if node.level is NodeLevel.ERROR else WARN
            text.append(f"{name}: {node.message}  ", style)
        else:
            well += 1
    return text.append(f"{well} run", GOOD if well == len(snapshot.nodes) else SOFT)


def answers(snapshot: Snapshot) -> Text:
    """What came of what was asked for, the newest last."""
    lines = [
        Text(f"{answer.clock}  {answer.text}", "" if answer.good else WARN)
        for answer in snapshot.answers[-_MOST_ANSWERS:]
    ]
    lines += [Text(f"waits for {what} …", SOFT) for what in snapshot.asks]
    return Text("\n").join(lines)


def _titled(title: str, gap: str = "") -> Text:
    return Text().append(title, TITLE).append(gap)


def help_keys() -> Text:
    """The keys, but the emergency stop's."""
    return Text("\n".join(keys.HELP), SOFT)
