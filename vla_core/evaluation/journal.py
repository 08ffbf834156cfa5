"""Finished episodes in a file: a run that is asked for the same goes on behind them."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vla_core.errors import VlaError
from vla_core.evaluation.episode import EpisodeResult
from vla_core.evaluation.motion_watch import MotionQuality
from vla_core.evaluation.settings import EvaluationSettings
from vla_core.recordings.bags.provenance import hash_of


def episode_key(settings: EvaluationSettings) -> str:
    """Tells episodes of these settings, and of the policy's files as they are, from all others."""
    folder = settings.folder
    told = [asdict(settings), folder and hash_of(folder)]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


class EpisodeJournal:
    """A line of JSON for each episode, on disk before the next one is taken.

    Args:
        path: of the file; made, or gone on with. A last line that a kill has cut is dropped.

    Raises:
        VlaError: a line is no episode.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, dict[int, EpisodeResult]] = defaultdict(dict)
        path.parent.mkdir(parents=True, exist_ok=True)
        whole, _, cut = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
        if cut:
            os.truncate(path, len(whole) + 1 if whole else 0)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(line)
                key = row.pop("key")
                self._found[key][row["seed"]] = _result(row)
            except (ValueError, KeyError, TypeError) as error:
                raise VlaError(
                    f"{path}: line {number} is no episode ({error!r}); choose another place"
                ) from error

    def of(self, key: str) -> Mapping[int, EpisodeResult]:
        """Episodes of a condition, by seed."""
        return self._found[key]

    def add(self, key: str, result: EpisodeResult) -> None:
        """Keep an episode."""
        with self._path.open("a") as file:
            file.write(json.dumps({"key": key, **asdict(result)}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._found[key][result.seed] = result


def _result(row: dict[str, Any]) -> EpisodeResult:
    return EpisodeResult(**row | {"motion": MotionQuality(**row["motion"])})
