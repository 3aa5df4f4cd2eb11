"""Others' tools for the same task, run in the same program on the same PostgreSQL: ``python -m bench.peers``.

Each is set as its own documentation recommends, and what that leaves open was tried and taken at its best. Tables are
analyzed before a measurement, as they are where a tool has run for longer than a minute.
``script/setup bench`` installs them; one that is not there is skipped, which is said.
"""

from __future__ import annotations

from bench.measure import written
from bench.peers import apscheduler, celery, procrastinate
from bench.peers.peer import Peer, PeerFailedError, versions

PEERS: tuple[Peer, ...] = (procrastinate, apscheduler, celery)
ROUNDS = 3


async def measured(url: str, *, quick: bool) -> dict[str, list[float]]:
    """Jobs per second in each round, of every peer that can run here, by its name."""
    found: dict[str, list[float]] = {}
    for peer in PEERS:
        if reason := peer.why_not():
            print(f"{peer.NAME}: skipped: {reason}")
        elif rounds := await _rounds(peer, url, quick=quick):
            found[peer.NAME] = rounds
    return found


def note(name: str) -> str:
    """What was measured of a peer, with which versions and settings, and what the comparison does not show."""
    peer = next(peer for peer in PEERS if name == peer.NAME)
    return f"{peer.NAME} ({versions(peer.PACKAGES)}): {peer.NOTE}. Set to {peer.SETTINGS}"


async def _rounds(peer: Peer, url: str, *, quick: bool) -> list[float]:
    """The rounds up to the first that fails: a peer that fails is said to, and keeps no other from its turn."""
    jobs, rounds = (peer.QUICK_JOBS, 1) if quick else (peer.JOBS, ROUNDS)
    figures: list[float] = []
    for number in range(rounds):
        try:
            figures.append(await peer.jobs_per_second(url, jobs))
        except (PeerFailedError, TimeoutError) as error:
            print(
                f"{peer.NAME}: round {number + 1} failed: {str(error) or 'its tables or tasks took too long to make'}"
            )
            break
        print(f"{peer.NAME}: round {number + 1} of {rounds}, {jobs:,} jobs: {written(figures[-1])} jobs/s", flush=True)
    return figures
