"""Rotations as policies write them, and back."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation as Turn

from vla_core.contract.specification import Rotation


def to_matrix(numbers: np.ndarray, written: Rotation) -> np.ndarray:
    """`(3, 3)` rotation matrix; what a network's numbers lack of one is made good.

    Quaternions are normalised; two columns are made orthonormal by Gram and Schmidt (Zhou et al.
    2019, eq. 15).

    Args:
        numbers: `(written.size,)`.

    Raises:
        ValueError: they stand for no rotation, as all zeros do for a quaternion.
    """
    match written:
        case Rotation.QUATERNION_XYZW:
            return Turn.from_quat(numbers).as_matrix()
        case Rotation.QUATERNION_WXYZ:
            return Turn.from_quat(np.roll(numbers, -1)).as_matrix()
        case Rotation.AXIS_ANGLE:
            return Turn.from_rotvec(numbers).as_matrix()
        case Rotation.EULER_XYZ:
            return Turn.from_euler("xyz", numbers).as_matrix()
    first, second = numbers[:3], numbers[3:]
    x = _unit(first)
    y = _unit(second - (x @ second) * x)
    return np.column_stack([x, y, np.cross(x, y)])


def from_matrix(matrix: np.ndarray, written: Rotation) -> np.ndarray:
    """`(written.size,)` numbers of a `(3, 3)` rotation matrix; quaternions with w >= 0."""
    turn = Turn.from_matrix(matrix)
    match written:
        case Rotation.QUATERNION_XYZW:
            return turn.as_quat(canonical=True)
        case Rotation.QUATERNION_WXYZ:
            return np.roll(turn.as_quat(canonical=True), 1)
        case Rotation.AXIS_ANGLE:
            return turn.as_rotvec()
        case Rotation.EULER_XYZ:
            return turn.as_euler("xyz")
    return np.concatenate([matrix[:, 0], matrix[:, 1]])


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    if length < 1e-9:
        raise ValueError(f"got {vector}, which has no direction")
    return vector / length
