"""Which numbers of a data set's columns are which joints: its own names, and the robot's YAML.

Names of data sets are data: a state may lie in one column or several, have names that are not the
robot's, or none, and hold numbers that are no joints. `recording` of the robot's YAML says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from vla_core.errors import ConfigError, JointMismatchError
from vla_core.robot.description import RobotDescription
from vla_core.robot.model import RobotModel

STATE, ACTION = "observation.state", "action"


@dataclass(frozen=True)
class JointColumns:
    """Where joints are.

    Attributes:
        where: of the data set, for errors.
        names: of each column's numbers, by column, in the order in which they are joined.
    """

    where: str
    names: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        info: str,
        features: Mapping[str, Any],
        feature: str,
        robot: RobotDescription | None = None,
    ) -> JointColumns:
        """Find the columns of `observation.state` or `action`.

        Args:
            info: file of the features, for errors.
            features: of the data set.
            feature: `STATE` or `ACTION`.
            robot: its YAML may name other columns, and names; None: those of the data set.

        Raises:
            ConfigError: a column is missing, has no names, or another number of them.
        """
        key = "state" if feature == STATE else "action"
        recording = robot.recording if robot else None
        columns = (getattr(recording, key) if recording else ()) or (feature,)
        yaml = f"{robot.source}" if robot else "the robot's YAML"
        found = {}
        for column in columns:
            where = f"{info}, features.{column}"
            if column not in features:
                raise ConfigError(where, f"is missing; {_advice(features, feature, key, yaml)}")
            given = recording.names.get(column) if recording else None
            names = given or tuple(flattened(features[column].get("names")))
            if not names:
                raise ConfigError(
                    where,
                    f"has no names; name its numbers under recording.names of {yaml}, as joints "
                    "are named there",
                )
            if list(features[column].get("shape", [len(names)])) != [len(names)]:
                shape = features[column]["shape"]
                raise ConfigError(where, f"has shape {shape}, names are {len(names)}")
            found[column] = names
        return cls(f"{info}, features.{' + '.join(columns)}", found)

    def all_names(self) -> tuple[str, ...]:
        """Of the joined numbers."""
        return tuple(name for names in self.names.values() for name in names)

    def values(self, table: pa.Table) -> np.ndarray:
        """`(rows, numbers)` of the joined columns.

        Raises:
            ValueError: a column has another shape.
        """
        parts = []
        for column, names in self.names.items():
            part = np.array(table[column].to_pylist(), dtype=np.float64)
            if part.shape != (table.num_rows, len(names)):
                raise ValueError(f"{column} has shape {part.shape}, names are {len(names)}")
            parts.append(part)
        return np.concatenate(parts, axis=1)

    def indices(self, robot: RobotModel) -> np.ndarray:
        """`(dof,)` which of the joined numbers is which joint, in canonical order.

        Raises:
            JointMismatchError: joints are missing, unknown, or named twice.
        """
        ignored = set(robot.description.recording.ignore)
        names = self.all_names()
        kept = [number for number, name in enumerate(names) if name not in ignored]
        try:
            order = robot.canonical_indices([names[number] for number in kept], self.where)
        except JointMismatchError as error:
            yaml = f"recording of {robot.description.source}"
            advice = f"Numbers that are no joints go under `ignore` in {yaml}"
            if error.missing:
                advice = (
                    f"Under {yaml}, `state` and `action` list the columns that hold the joints, "
                    "and `names` says what a column's numbers are, as joints are named there"
                )
            elif set(error.unknown) & set(robot.joint_names):
                advice = f"Name each number of a column once, under `names` in {yaml}"
            raise JointMismatchError(self.where, error.missing, error.unknown, advice) from error
        return np.array(kept)[order]


def _advice(features: Mapping[str, Any], feature: str, key: str, yaml: str) -> str:
    """Which columns there are instead."""
    vectors = {
        name: told["shape"][0]
        for name, told in features.items()
        if len(told.get("shape") or ()) == 1 and str(told.get("dtype")).startswith("float")
        and told["shape"] != [1]
    }  # fmt: skip
    alike = {name: count for name, count in vectors.items() if name.startswith(feature)} or vectors
    shown = ", ".join(f"{name} ({count} numbers)" for name, count in alike.items())
    return (
        f"there are {shown or 'no columns of numbers'}; list those that make it up under "
        f"recording.{key} of {yaml}"
    )


def flattened(names: Any) -> list[str]:
    """Names as one list; data sets nest them in lists, or in a mapping by part of the robot."""
    if isinstance(names, str):
        return [names]
    parts = names.values() if isinstance(names, Mapping) else names or ()
    return [name for part in parts for name in flattened(part)]
