"""What the doctor holds does not grow with the recording."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
from small_recording import CAMERA, FRAMES, contract, noise, recording

from vla_core.doctor.checks import Checks
from vla_core.doctor.events import Arrival, Picture
from vla_core.doctor.finding import Findings

_PERIOD_NS = FRAMES * 1_000_000_000 // 30


def repeated(arrival: Arrival, times: int) -> Arrival:
    """The same, so many recordings later."""
    later_ns = times * _PERIOD_NS
    return replace(
        arrival, log_ns=arrival.log_ns + later_ns, stamp_ns=arrival.stamp_ns + later_ns
    )


def peak_bytes(repetitions: int) -> int:
    """Most memory of checks over the recording again and again, every other second black."""
    black = np.zeros_like(noise(0))
    recording()
    findings = Findings()
    tracemalloc.start()
    checks = Checks(contract(), findings)
    for number in range(repetitions):
        for place, arrival in enumerate(recording()):
            if isinstance(arrival, Picture) and place % 200 < 60 and arrival.topic == CAMERA:
                arrival = replace(arrival, pixels=black)
            checks.see(repeated(arrival, number))
    checks.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_length():
    short, long = peak_bytes(4), peak_bytes(16)
    assert long < 1.2 * short
