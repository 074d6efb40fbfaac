"""What the machine has."""

import os
from pathlib import Path

_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory() -> int | None:
    """Bytes of memory that a process can have, those of its container where it is in one.

    Swap space is not counted. None where the system does not say.
    """
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):
        return None
    for limit in _LIMITS:
        try:
            # "max" stands for no limit
            found.append(int(limit.read_text()))
        except (OSError, ValueError):
            continue
    return min(found)
