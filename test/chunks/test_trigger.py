"""What System 1 waits for before it looks again."""

from __future__ import annotations

import numpy as np
import pytest

from vla_core.chunks.timeline import ChunkTimeline
from vla_core.chunks.trigger import Trigger, TriggerRule
from vla_core.types import NANOSECONDS, ActionChunk, Pace

STEP_S = 0.1


@pytest.mark.parametrize(
    ("rule", "steps_left", "new_intent", "due"),
    [
        (TriggerRule(Trigger.TIME), 9.0, False, True),
        (TriggerRule(Trigger.REMAINING, 4), 4.1, True, False),
        (TriggerRule(Trigger.REMAINING, 4), 4.0, False, True),
        (TriggerRule(Trigger.REMAINING, 0), 0.0, False, True),
        (TriggerRule(Trigger.INTENT), 0.0, False, False),
        (TriggerRule(Trigger.INTENT), 9.0, True, True),
    ],
)
def test_each_waits_for_its_own(rule, steps_left, new_intent, due):
    assert rule.due(steps_left, new_intent) is due


def test_steps_are_left_until_the_last_is_due_and_longer_where_the_path_lags():
    timeline = ChunkTimeline(("joint",))
    assert timeline.steps_left(0, STEP_S) == 0.0
    timeline.insert(ActionChunk(1, 0, 1, 1, 0, STEP_S, ("joint",), np.zeros((6, 1))), 0)
    now_ns = round(0.15 * NANOSECONDS)
    assert timeline.steps_left(now_ns, STEP_S) == pytest.approx(3.5)
    assert timeline.steps_left(now_ns, STEP_S, Pace(lag_s=0.2)) == pytest.approx(5.5)
    assert timeline.steps_left(NANOSECONDS, STEP_S) == 0.0
