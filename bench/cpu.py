"""The processor time and the memory of processes, as Linux accounts for them."""

from __future__ import annotations

import os
from pathlib import Path

from bench.service import BenchFailed

PROCESSES = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def check_accounts() -> None:
    """Raise BenchFailed where there are none."""
    if not (PROCESSES / "self" / "stat").exists():
        raise BenchFailed("this program reads /proc of Linux for the processor time; run it there")


def seconds_of(pid: int) -> float:
    """Processor time of a process and of its children that have ended."""
    return sum(_times(pid))


def seconds_of_family(pid: int) -> float:
    """Processor time of a process and of all its children, those that have ended and those that live."""
    return seconds_of(pid) + sum(seconds_of(child) for child in children_of(pid))


def parent_of(pid: int) -> int:
    """The process that started it."""
    return int(_fields(pid)[1])


def children_of(pid: int) -> list[int]:
    """The processes that it has started and that live."""
    found = []
    for entry in PROCESSES.iterdir():
        if entry.name.isdecimal():
            try:
                if parent_of(int(entry.name)) == pid:
                    found.append(int(entry.name))
            except FileNotFoundError:
                continue  # it ended in the meantime
    return found


def resident(pid: int) -> float:
    """Resident memory in MB."""
    (line,) = [one for one in (PROCESSES / str(pid) / "status").read_text("utf-8").splitlines() if "VmRSS:" in one]
    return int(line.split()[1]) / 1024


def _times(pid: int) -> list[float]:
    """In user mode and in the kernel, its own and its ended children's; none for one that has ended."""
    try:
        return [int(field) / TICKS_PER_SECOND for field in _fields(pid)[11:15]]
    except FileNotFoundError:
        return []


def _fields(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) after the name, which may hold blanks and brackets; the first is the state."""
    try:
        return (PROCESSES / str(pid) / "stat").read_text("utf-8").rpartition(")")[2].split()
    except ProcessLookupError as error:
        raise FileNotFoundError(pid) from error
