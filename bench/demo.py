"""The demo, watched: every occurrence of every live integration exactly once, and how punctual its runs were.

    python -m bench.demo [--minutes 5]

Starts `synkron up --demo` on a data directory of its own, lets it run, stops it as Ctrl-C does, and compares what
`synkron runs --json` shows with the occurrences that another cron library finds. Exits with 1 where they differ, where
a run did not succeed, and where the drift's p95 reaches 250 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cronsim import CronSim
from rich.console import Console
from rich.table import Table

from bench.machine import machine
from synkron.cli.demo.fleet import INTEGRATIONS, REFUSED
from synkron.cron import parse_zone

SYNKRON = str(Path(sys.executable).with_name("synkron"))
# From here on the service is certainly up; what was due before it came is its catch-up.
HEAD = timedelta(seconds=10)
TAIL = timedelta(seconds=2)
SETTLING = timedelta(seconds=15)
DRIFT_P95 = 250.0

Slot = tuple[str, str]


@dataclass(frozen=True)
class Observation:
    """What the demo should have done, and the runs that `synkron runs --json` shows in that span."""

    expected: frozenset[Slot]
    runs: list[dict[str, Any]]
    ended: datetime

    @property
    def settled(self) -> list[dict[str, Any]]:
        """The runs whose moment lies so far back that even a second attempt must have ended, but the one that fails."""
        latest = self.ended - SETTLING
        old = [run for run in self.runs if datetime.fromisoformat(run["scheduled_for"]) < latest]
        return [run for run in old if run["integration_id"] != str(REFUSED.id)]

    @property
    def counted(self) -> Counter[Slot]:
        """How often each occurrence stands in the ledger."""
        return Counter((run["integration_id"], run["scheduled_for"]) for run in self.runs)

    @property
    def missing(self) -> set[Slot]:
        """Occurrences without a row."""
        return set(self.expected) - set(self.counted)

    @property
    def unexpected(self) -> set[Slot]:
        """Rows without an occurrence."""
        return set(self.counted) - set(self.expected)

    @property
    def doubled(self) -> set[Slot]:
        """Occurrences with more than one row."""
        return {slot for slot, count in self.counted.items() if count > 1}

    def drift(self, share: float) -> float:
        """The drift, in milliseconds, that this share of the started runs stays below."""
        drifts = sorted(run["drift_ms"] for run in self.runs if run["drift_ms"] is not None)
        return float(drifts[min(int(len(drifts) * share), len(drifts) - 1)])


def observe(seconds: float) -> Observation:
    """Run the demo for so long and look at what it did."""
    with TemporaryDirectory(prefix="synkron-demo-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNKRON_")}
        environment["SYNKRON_DATA_DIR"] = folder
        began = _now()
        with subprocess.Popen(
            [SYNKRON, "up", "--demo"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
        ) as up:
            time.sleep(seconds)
            ended = _now()
            up.send_signal(signal.SIGINT)
            if up.wait(60) != 0:
                raise SystemExit(f"synkron up --demo ended with {up.returncode}")
        answer = subprocess.run(
            [SYNKRON, "runs", "--json"], env=environment, check=True, capture_output=True, cwd=folder
        ).stdout
    span = (began + HEAD, ended - TAIL)
    runs = [run for run in json.loads(answer) if span[0] < datetime.fromisoformat(run["scheduled_for"]) <= span[1]]
    return Observation(_expected(*span), runs, ended)


def main() -> None:
    """Observe, print the row, and say whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job would pass on that it ignores it
    seen = observe(parser.parse_args().minutes * 60)
    table = Table(title=f"synkron up --demo: {len(seen.expected)} occurrences of the live integrations")
    for name in (
        "ledger rows",
        "missing",
        "doubled",
        "unexpected",
        f"of {len(seen.settled)} succeeded",
        "drift p50",
        "drift p95",
        "drift max",
    ):
        table.add_column(name, justify="right")
    succeeded = sum(run["state"] == "succeeded" for run in seen.settled)
    figures = [len(seen.runs), len(seen.missing), len(seen.doubled), len(seen.unexpected), succeeded]
    drifts = [f"{seen.drift(share):.0f} ms" for share in (0.5, 0.95, 1)]
    table.add_row(*map(str, figures), *drifts)
    console = Console()
    console.print(table)
    console.print(machine(), style="dim")
    well = succeeded == len(seen.settled) > 0 and seen.drift(0.95) < DRIFT_P95
    sys.exit(not well or bool(seen.missing or seen.doubled or seen.unexpected))


def _expected(start: datetime, end: datetime) -> frozenset[Slot]:
    """The occurrences after ``start``, up to and including ``end``, by an independent implementation."""
    slots: set[Slot] = set()
    for integration in INTEGRATIONS:
        if not integration.is_live or integration.cron_schedule is None:
            continue
        zone = parse_zone(integration.organization.timezone)
        for moment in CronSim(integration.cron_schedule, start.astimezone(zone)):
            if moment > end:
                break
            slots.add((str(integration.id), f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"))
    return frozenset(slots)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  the edge: when this program began and ended


if __name__ == "__main__":
    main()
