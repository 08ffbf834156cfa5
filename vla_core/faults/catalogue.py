"""The faults that `vla faults` injects, as data: what is done, who finds it, what must follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from vla_core.errors import VlaError


class Kind(Enum):
    """How a fault is brought about; the value says so to a person."""

    KILL = "process killed (SIGKILL)"
    FREEZE = "process frozen (SIGSTOP)"
    ALTER = "messages altered between the nodes"
    FLOOD = "messages from outside of the graph"
    REPLAY = "a replay on the same network"
    COMMANDER = "another node commands the robot"
    GOAL = "a program sends a goal"


class Expected(Enum):
    """What a fault must lead to; in no case may a command leave the robot's limits."""

    STOP = "the robot stops"
    """The robot comes to rest, and somebody says why."""
    SAY = "it is named"
    """Somebody says what is wrong; whether the robot goes on depends on what is left to do."""
    STAY_STOPPED = "the emergency stop stays until a person resets it"
    """The robot comes to rest, what is wrong is named, and no other mode is entered."""
    GO_ON = "the robot goes on"
    """Nothing is wrong: nobody stops, nobody complains."""
    STAY_INSIDE = "the robot stays inside its limits"
    """Anything but a command outside the limits: the fault may even do no harm."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: for the command line and the record.
        does: what is done, in words.
        kind, target: how, and to what: a node for KILL and FREEZE, else a name that the injector,
            the flood, the replay, the second commander or the program with the goal knows.
        expected: what must follow.
        found_by: patterns of what counts as finding it, the texts of `Evidence`.
        lasts_s: how long it stays [s]; a killed process stays dead.
        simulated_time: whether it needs a graph that follows /clock.
        stale_intent: what System 1 of the graph does with a stale intent.
        in_estop: whether the emergency stop is pressed before it.
    """

    name: str
    does: str
    kind: Kind
    target: str
    expected: Expected
    found_by: tuple[str, ...] = ()
    lasts_s: float = 5.0
    simulated_time: bool = False
    stale_intent: str = "hold"
    in_estop: bool = False


_OBSERVATION = ("constraint observation_stale", r"diagnostics \w+: waiting for vla/observation")
_CAMERA = ("diagnostics camera_node: ", *_OBSERVATION)
_INTENT = ("diagnostics action_node: intent .* old", "constraint (intent|chunk)_")
_CHUNK = ("constraint chunk_", "diagnostics command_node: .*chunk")
_NO_COMMAND = ("diagnostics sim_robot_node: waiting for ",)
_ROBOT = ("constraint joint_state_stale", "mode STOPPING: .*joint_state")
_STATES = (
    *_ROBOT,
    "constraint .*(tracking|measured|jump)",
    "mode (STOPPING|ESTOP|HOLD): .*(tracking|measured|joint)",
    "diagnostics (command|camera)_node: .*joint",
)
_CLOCK = ("constraint (clock|.*_stale)", "mode STOPPING", "diagnostics .*(future|older|clock)")

FAULTS: tuple[Fault, ...] = (
    *(
        Fault(
            f"{node}_{word}",
            f"{node} {word}",
            kind,
            node,
            Expected.STOP,
            (f"process {node} was ended by SIGKILL", *found_by)
            if kind is Kind.KILL
            else found_by,
        )
        for node, found_by in (
            ("camera_node", _OBSERVATION),
            ("intent_node", _INTENT),
            ("action_node", _CHUNK),
            ("command_node", _NO_COMMAND),
            ("sim_robot_node", _ROBOT),
        )
        for word, kind in (("killed", Kind.KILL), ("frozen", Kind.FREEZE))
    ),
    Fault(
        "camera_stopped", "head camera sends nothing", Kind.ALTER, "camera_stopped",
        Expected.STOP, _CAMERA,
    ),
    Fault(
        "second_camera_stopped", "front camera sends nothing", Kind.ALTER,
        "second_camera_stopped", Expected.STOP, _CAMERA,
    ),
    Fault(
        "camera_black", "head camera sends black pictures", Kind.ALTER, "camera_black",
        Expected.STOP, ("diagnostics camera_node: .*black", *_OBSERVATION),
    ),
    Fault(
        "camera_frozen", "head camera sends its last picture again and again", Kind.ALTER,
        "camera_frozen", Expected.STOP, ("diagnostics camera_node: .*frozen", *_OBSERVATION),
    ),
    Fault(
        "joints_stopped", "joint states stop", Kind.ALTER, "joints_stopped",
        Expected.STOP, _STATES,
    ),
    Fault(
        "joints_stuck", "every joint state says -1 rad", Kind.ALTER, "joints_stuck",
        Expected.STOP, _STATES,
    ),
    Fault(
        "joints_mislabelled", "names of the joint states in another order, values not",
        Kind.ALTER, "joints_mislabelled", Expected.STOP, _STATES,
    ),
    Fault(
        "joints_permuted", "names and values of the joint states in another order, alike",
        Kind.ALTER, "joints_permuted", Expected.GO_ON, lasts_s=2.0,
    ),
    Fault(
        "system2_stalled", "no intents for 2 s", Kind.ALTER, "intent_stopped",
        Expected.SAY, _INTENT, lasts_s=2.0,
    ),
    Fault(
        "system2_stalled_for_ever", "no intents any more", Kind.ALTER, "intent_stopped",
        Expected.STOP, _INTENT, lasts_s=8.0,
    ),
    Fault(
        "chunk_nan", "a NaN in every chunk", Kind.ALTER, "chunk_nan", Expected.STOP, _CHUNK,
        lasts_s=3.0,
    ),
    Fault(
        "chunk_wrong_joints", "chunks for a joint that the robot has not", Kind.ALTER,
        "chunk_wrong_joints", Expected.STOP, _CHUNK, lasts_s=3.0,
    ),
    Fault(
        "chunk_from_the_future", "chunks whose observation lies 5 s ahead", Kind.ALTER,
        "chunk_from_the_future", Expected.STOP, _CHUNK, lasts_s=3.0,
    ),
    Fault(
        "chunk_off_by_1_rad", "chunks with every joint 1 rad off", Kind.ALTER,
        "chunk_off_by_1_rad", Expected.SAY, ("constraint ",), lasts_s=2.0,
    ),
    Fault(
        "estop_pressed", "true on vla/estop, once", Kind.ALTER, "estop_pressed",
        Expected.STOP, ("mode ESTOP",), lasts_s=2.0,
    ),
    Fault(
        "estop_heartbeat_lost", "no more false on vla/estop", Kind.ALTER, "heartbeat_lost",
        Expected.STOP, ("mode ESTOP",), lasts_s=3.0,
    ),
    Fault(
        "estop_then_goal", "true on vla/estop, once; then a goal of ExecuteInstruction", Kind.GOAL,
        "goal", Expected.STAY_STOPPED, ("diagnostics goal: .*ESTOP",), in_estop=True,
    ),
    Fault(
        "estop_then_stale_intent",
        "true on vla/estop, once; then no intents any more, with stale_intent:=stop", Kind.ALTER,
        "intent_stopped", Expected.STAY_STOPPED, _INTENT[:1], stale_intent="stop", in_estop=True,
    ),
    Fault(
        "flood_big", "pictures of 6 MB on the head camera's topic, as fast as they go",
        Kind.FLOOD, "big", Expected.STAY_INSIDE, (".",), lasts_s=4.0,
    ),
    Fault(
        "flood_many", "thousands of messages a second on vla/estop and vla/action_chunk",
        Kind.FLOOD, "many", Expected.STAY_INSIDE, (".",), lasts_s=4.0,
    ),
    *(
        Fault(
            f"second_commander_{which}",
            f"another node commands the {which} of the robot's controllers", Kind.COMMANDER,
            f"second_commander_{which}", Expected.STOP,
            ("constraint other_commander", "mode STOPPING: .* commands this robot, too"),
        )
        for which in ("first", "last")
    ),
    Fault(
        "hostile_messages", "messages that are wrong in every field, to all that every node hears",
        Kind.FLOOD, "hostile", Expected.STAY_INSIDE, ("diagnostics ",), lasts_s=8.0,
    ),
    Fault(
        "replay_beside", "a recording of the same robot played beside it, in a loop, and followed",
        Kind.REPLAY, "replay_beside", Expected.GO_ON, lasts_s=4.0,
    ),
    Fault(
        "clock_forwards", "/clock jumps 10 s ahead", Kind.ALTER, "clock_forwards",
        Expected.STAY_INSIDE, _CLOCK, lasts_s=3.0, simulated_time=True,
    ),
    Fault(
        "clock_backwards", "/clock jumps 10 s back", Kind.ALTER, "clock_backwards",
        Expected.STAY_INSIDE, _CLOCK, lasts_s=3.0, simulated_time=True,
    ),
)  # fmt: skip


def choose(names: Sequence[str]) -> tuple[Fault, ...]:
    """Faults by name, in the order of the catalogue; all when none is named.

    Raises:
        VlaError: a name that is none.
    """
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise VlaError(f"no fault {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(fault for fault in FAULTS if not names or fault.name in names)
