"""What joins by name: our own, and what packages installed beside ours offer as entry points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vla_core.errors import ConfigError


@dataclass(frozen=True)
class Registry:
    """Things of one sort by name; each is imported when it is asked for.

    Attributes:
        what: one of them is called, for people.
        group: of entry points, in the `pyproject.toml` or `setup.py` of a package beside ours.
        built_in: name -> `module` or `module:attribute`, ours; nobody else can take such a name.
    """

    what: str
    group: str
    built_in: Mapping[str, str]

    def names(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted({*self.built_in, *entry_points(group=self.group).names}))

    def load(self, name: str, source: str) -> Any:
        """What a name stands for.

        Args:
            source: file and key that name it, for the error.

        Raises:
            ConfigError: nothing of that name is there, two packages offer it, or it cannot be
                imported.
        """
        if name in self.built_in:
            return EntryPoint(name, self.built_in[name], self.group).load()
        found = entry_points(group=self.group, name=name)
        if not found:
            raise ConfigError(
                source, f"unknown {self.what} {name!r}, known: {', '.join(self.names())}"
            )
        if len(values := {entry.value for entry in found}) > 1:
            raise ConfigError(
                source, f"{self.what} {name!r} is offered by several: {', '.join(sorted(values))}"
            )
        entry = next(iter(found))
        try:
            return entry.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                source, f"{self.what} {name!r} ({entry.value}) cannot be imported: {error}"
            ) from error
