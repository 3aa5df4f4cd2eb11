"""The peers alone, on an embedded PostgreSQL that is thrown away.

python -m bench.peers [--quick] [--save]
"""

from __future__ import annotations

import asyncio

from bench.fleet import database
from bench.measure import Better, Measure, options, report
from bench.peers import __doc__ as description
from bench.peers import measured, note


def main() -> None:
    """Measure the peers and show them."""
    chosen = options(description)
    with database() as url:
        found = asyncio.run(measured(url, quick=chosen.quick))
    if not found:
        raise SystemExit("No peer was measured.")
    measures = [
        Measure("B7", f"peer: {name}", "jobs/s", rounds, better=Better.HIGHER, note=note(name))
        for name, rounds in found.items()
    ]
    report("peers", measures, quick=chosen.quick, save=chosen.save)


if __name__ == "__main__":
    main()
