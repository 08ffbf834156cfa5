"""What was recorded around a fault becomes its record: who found it, when and where it stopped."""

from __future__ import annotations

import re

import numpy as np
import pytest

from vla_core.errors import VlaError
from vla_core.faults.catalogue import FAULTS, Expected, Fault, Kind, choose
from vla_core.faults.command_monitor import Violation
from vla_core.faults.fault_table import HEADINGS, fault_table, markdown_table
from vla_core.faults.judgement import (
    STILL_S,
    Evidence,
    Motion,
    Recovery,
    first_found,
    judge,
    not_run,
    standstill,
    travel,
)

MS = 1_000_000
STOPS = Fault("nan", "a NaN", Kind.ALTER, "chunk_nan", Expected.STOP, ("constraint chunk_",))
BY_ITSELF = Recovery(True, "by itself", 400.0)


def braking(stops_after_ms: int | None) -> Motion:
    """Two joints at 100 Hz for 3 s; the first goes at 0.5 rad/s until it stops, from 1 s on."""
    time_ms = np.arange(0, 3000, 10)
    stop_ms = 10_000 if stops_after_ms is None else 1000 + stops_after_ms
    velocity = np.where(time_ms < stop_ms, 0.5, 0.0)
    position = np.cumsum(velocity) * 0.01
    other = np.zeros_like(velocity)
    return Motion(
        time_ms * MS, np.stack((position, other), axis=1), np.stack((velocity, other), axis=1)
    )


def judged(fault: Fault = STOPS, **changed) -> dict:
    given = {
        "begun_ns": 1000 * MS,
        "ended_ns": 2900 * MS,
        "motion": braking(300),
        "evidence": [Evidence(1120 * MS, "constraint chunk_stale")],
        "violations": [],
        "commands": 500,
        "recovery": BY_ITSELF,
    }
    return judge(fault, **(given | changed)).row()


def test_standstill_is_the_begin_of_a_lasting_rest_and_travel_the_way_until_then():
    found = standstill(braking(300), 1000 * MS, 2900 * MS)
    assert found.time_ns == 1300 * MS
    assert found.travel_rad == pytest.approx(0.15, abs=0.01)


def test_a_robot_that_pauses_for_a_moment_has_not_stopped():
    motion = braking(None)
    pause = slice(120, 120 + round(STILL_S * 100) - 5)
    motion.velocity[pause] = 0.0
    assert standstill(motion, 1000 * MS, 2900 * MS) is None
    assert travel(motion, 1000 * MS, 2000 * MS) == pytest.approx(0.5, abs=0.01)


def test_without_measurements_there_is_neither():
    nothing = Motion(np.zeros(0, int), np.zeros((0, 2)), np.zeros((0, 2)))
    assert standstill(nothing, 0, 1) is None
    assert travel(nothing, 0, 1) is None
    assert nothing.speed_before(5) == 0.0


def test_what_was_there_before_the_fault_did_not_find_it():
    evidence = [
        Evidence(900 * MS, "constraint chunk_stale"),
        Evidence(1100 * MS, "constraint chunk_stale"),
        Evidence(1200 * MS, "constraint velocity"),
        Evidence(1300 * MS, "constraint chunk_exhausted"),
    ]
    assert first_found(STOPS, evidence, 1000 * MS) == evidence[3]
    assert first_found(STOPS, evidence[:3], 1000 * MS) is None


def test_a_fault_that_was_found_stopped_and_overcome_is_as_expected():
    record = judged()
    assert record["found_by"] == "constraint chunk_stale"
    assert (record["detected_ms"], record["standstill_ms"]) == (120.0, 300.0)
    assert record["travel_rad"] == pytest.approx(0.15, abs=0.01)
    assert record["speed_before"] == 0.5
    assert record["outside_limits"] == () and record["recovered"] and record["ok"]


@pytest.mark.parametrize(
    "changed",
    [
        {"evidence": []},
        {"motion": braking(None)},
        {"violations": [Violation("jerk", "elbow", 120.0, 100.0, 0)]},
        {"commands": 0},  # a monitor that saw nothing proves nothing
        {"recovery": Recovery(False, "mode ESTOP", None)},
    ],
)
def test_each_single_shortcoming_is_not_as_expected(changed):
    assert judged()["ok"] and not judged(**changed)["ok"]


def test_what_must_go_on_may_not_be_complained_about():
    harmless = Fault("order", "order", Kind.ALTER, "joints_permuted", Expected.GO_ON)
    assert judged(harmless, motion=braking(None), evidence=[])["ok"]
    for text in ("mode STOPPING: x", "constraint joint_state_stale", "diagnostics camera_node: x"):
        row = judged(harmless, evidence=[Evidence(1500 * MS, text)])
        assert not row["ok"] and row["found_by"] == text


def test_a_replay_beside_may_take_time_of_the_processors_and_nothing_else():
    replay = Fault("beside", "beside", Kind.REPLAY, "replay_beside", Expected.GO_ON)
    for text, ok in (
        ("constraint joint_state_stale", True),
        ("diagnostics command_node: waiting for /joint_states", True),
        ("diagnostics command_node: joint elbow is away", False),
        ("mode STOPPING: x", False),
    ):
        assert judged(replay, evidence=[Evidence(1500 * MS, text)])["ok"] is ok


def test_the_catalogue_has_every_fault_once_and_every_pattern_compiles():
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 28
    for fault in FAULTS:
        assert [re.compile(pattern) for pattern in fault.found_by] or (
            fault.expected is Expected.GO_ON
        )


def test_faults_are_chosen_by_name_in_the_catalogue_s_order():
    chosen = choose(["estop_pressed", "chunk_nan"])
    assert [fault.name for fault in chosen] == ["chunk_nan", "estop_pressed"]
    assert choose([]) == FAULTS
    with pytest.raises(VlaError, match="no fault chunk_inf; there are camera_node_killed, "):
        choose(["chunk_nan", "chunk_inf"])


def test_the_page_has_a_line_for_each_record_and_says_what_went_wrong():
    bad = judged(violations=[Violation("jerk", "elbow", 120.0, 100.0, 0)])
    records = [judged(), bad, not_run(STOPS, "no | chunk").row()]
    lines = markdown_table(records).splitlines()
    assert len(lines) == 2 + len(records)
    assert all(line.replace("\\|", "").count("|") == len(HEADINGS) + 1 for line in lines)
    assert "| constraint chunk_stale | 120 ms | 300 ms | 0.14 rad | nothing |" in lines[2]
    assert "jerk of elbow: 120, allowed 100" in lines[3] and lines[3].endswith("| NO |")
    assert "no: no \\| chunk" in lines[4]
    assert fault_table(records, "title").row_count == 3
