"""The demonstrations of a run's folder, and which of them are held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vla_core.errors import ConfigError


@dataclass(frozen=True)
class Demonstrations:
    """Files `TABLE_PART.npz`, an `Episode` each.

    Attributes:
        folder: where they are.
        held_out: share of the tables that is kept for validation.
    """

    folder: Path
    held_out: float

    def whole(self) -> list[Path]:
        """Those from the beginning, one a table; recoveries follow them."""
        return sorted(self.folder.glob("*_0.npz"))

    def split(self) -> tuple[list[Path], list[Path]]:
        """Files to learn from, and held-out ones; a table's recoveries stay with it.

        Raises:
            ConfigError: there are too few for both.
        """
        paths = sorted(self.folder.glob("*.npz"))
        tables = sorted({path.stem.split("_")[0] for path in paths})
        if len(tables) < 2:
            raise ConfigError(
                str(self.folder),
                f"got {len(tables)} demonstrations, one is to learn from and one to be held out",
            )
        kept = set(tables[:: round(1 / self.held_out)])
        inside = [path.stem.split("_")[0] in kept for path in paths]
        return (
            [path for path, out in zip(paths, inside, strict=True) if not out],
            [path for path, out in zip(paths, inside, strict=True) if out],
        )
