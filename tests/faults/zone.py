"""A time zone's data as another host may have them: 21 minutes ahead of UTC, for a zone that is level with it."""

from __future__ import annotations

import struct
from pathlib import Path

AHEAD = 21 * 60


def write_zone(path: Path) -> None:
    """Write a file of the form TZif (RFC 8536), version 1: no transition, one offset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    path.write_bytes(b"TZif" + bytes(16) + counts + struct.pack(">lBB", AHEAD, 0, 0) + b"OFF\0")
