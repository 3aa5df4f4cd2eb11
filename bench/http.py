"""The herd over HTTP: 10,000 due in one minute, delivered to a server on loopback.

    python -m bench.http [--quick] [--save]

B8: worker processes that were waiting for the claim deliver and record all runs of one type, 200 at once; the server
is one process, does nothing, and says afterwards which keys it was given: each once.
"""

# ruff: noqa: A005  the programs are modules of a package: nobody imports this one for the other

from __future__ import annotations

from collections import Counter

from bench.herd import WORKERS, Herd, executed, herd
from bench.measure import options, report
from bench.receiver import received, receiving
from bench.service import BenchFailed, settings_file

KIND = "xledger"
CONCURRENCY = 200


def main() -> None:
    """Measure B8."""
    chosen = options(__doc__)
    runs, rounds = (2_000, 2) if chosen.quick else (10_000, 3)
    herds = {workers: [delivered(runs, workers) for _ in range(rounds)] for workers in WORKERS}
    name = f"herd of {runs:,} over HTTP to a local server, concurrency {CONCURRENCY}"
    how = "the server is a process on the same machine; settings: concurrency alone"
    report("http", [executed("B8", name, herds, 1_500, how, {})], quick=chosen.quick, save=chosen.save)


def delivered(runs: int, workers: int) -> Herd:
    """One round. Raises BenchFailed unless each run's key came exactly once."""
    with receiving() as address:
        done = herd(runs, workers, settings_file({KIND: address}, concurrency=CONCURRENCY), kind=KIND)
        keys = received(address)
    if keys != Counter(done.keys):
        doubled = sum(count > 1 for count in keys.values())
        raise BenchFailed(f"{keys.total()} deliveries of {len(keys)} keys for {runs} runs, {doubled} keys not once")
    return done


if __name__ == "__main__":
    main()
