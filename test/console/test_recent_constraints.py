"""What acted for a tick is seen for a while, and then forgotten."""

from __future__ import annotations

import pytest

from vla_core.console.recent_constraints import RecentConstraints
from vla_core.types import ActiveConstraint

JERK = ActiveConstraint("jerk", "left_elbow_joint", 2.0)
PATH = ActiveConstraint("path_speed", "path", 0.1)


def test_the_newest_of_each_is_kept_newest_first():
    recent = RecentConstraints()
    recent.tick([JERK], 1.0)
    recent.tick([PATH], 1.5)
    recent.tick([PATH._replace(amount=0.2)], 2.0)
    first, second = recent.at(2.1)
    assert (first.constraint.amount, first.age_s) == (0.2, pytest.approx(0.1))
    assert (second.constraint, second.age_s) == (JERK, pytest.approx(1.1))
    assert [found.constraint.name for found in recent.at(4.5)] == ["path_speed"]
    assert recent.at(9.0) == ()
