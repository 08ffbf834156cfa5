"""Frees the shared memory that killed processes left behind.

Fast DDS holds a lock on `fastdds_<id>_el` as long as the owner of segment `fastdds_<id>` lives. A
process that ends by itself removes both; one that is killed leaves 64 MiB with our profile.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_FOLDER = Path("/dev/shm")
_LOCK_SUFFIX = "_el"


def free_orphans(folder: Path = _FOLDER) -> int:
    """Remove every segment whose owner is gone, of any graph on this machine.

    Returns:
        How many were removed.
    """
    removed = 0
    for lock in folder.glob(f"fastdds_*{_LOCK_SUFFIX}"):
        segment = lock.with_name(lock.name.removesuffix(_LOCK_SUFFIX))
        if "port" in lock.name or not _is_orphan(lock):
            continue
        for path in (segment, lock):
            path.unlink(missing_ok=True)
        removed += 1
    return removed


def _is_orphan(lock: Path) -> bool:
    """Whether nobody holds the lock; not, where it is another user's."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
