"""What a measured velocity is good for."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("velocity", [-15.0, 15.0])
def test_measured_velocities_count_only_where_a_command_begins(make_bench, velocity):
    plain, odd = make_bench(), make_bench()
    for bench, measured in ((plain, 0.0), (odd, velocity)):
        bench.start_policy()
        bench.push(bench.measured + [[0.0, 0.0], [0.2, 0.2]])
        bench.joint_state_alive = False
        for _ in range(40):
            bench.core.on_joint_state(
                bench.limits.names, bench.measured, [0.0, measured], bench.now_ns, bench.now_ns
            )
            bench.tick()
    np.testing.assert_array_equal(plain.positions(), odd.positions())
