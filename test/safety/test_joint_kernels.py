"""The compiled equations: compiled before they are needed, and strict about what they are given."""

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from vla_core.robot.joint_limits import JointLimits
from vla_core.safety import joint_kernels, target_kernels
from vla_core.safety.limits import JointLimiter
from vla_core.safety.stopping import JointMotion

COMPILED = {
    name: function
    for module in (joint_kernels, target_kernels)
    for name, function in vars(module).items()
    if isinstance(function, CPUDispatcher) and not name.startswith("_")
}


@pytest.mark.parametrize("name", COMPILED)
def test_it_is_compiled_when_imported_and_never_again(name):
    function = COMPILED[name]
    assert len(function.signatures) == 1
    others = [np.zeros(2, np.float32) for _ in function.signatures[0]]
    with pytest.raises(TypeError, match="No matching definition"):
        function(*others)


def test_targets_of_too_few_joints_are_an_error():
    held = JointLimits(("a", "b"), *(k * np.ones(2) for k in (-1.0, 1.0, 2.0, 10.0, 100.0)))
    with pytest.raises(IndexError):
        JointLimiter(held, 0.005).step(JointMotion.at_rest([0.0, 0.0]), np.zeros(1), np.zeros(1))


def test_targets_may_lie_apart_in_memory():
    held = JointLimits(("a", "b"), *(k * np.ones(2) for k in (-1.0, 1.0, 2.0, 10.0, 100.0)))
    start, targets = JointMotion.at_rest([0.0, 0.0]), np.asfortranarray([[0.1, 0.2], [0.3, 0.4]])
    apart = JointLimiter(held, 0.005).step(start, targets[0], targets[1])
    together = JointLimiter(held, 0.005).step(start, targets[0].copy(), targets[1].copy())
    assert np.array_equal(apart.motion.position, together.motion.position)
