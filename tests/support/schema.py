"""The schema synkron of a database as text, for comparison."""

from __future__ import annotations

import re
import subprocess

from synkron.postgres.embedded.programs import programs
from tests.support.databases import Database


def dumped_rows(database: Database) -> str:
    """All that the ledger holds, as text."""
    arguments = [str(programs() / "pg_dump"), "--data-only", "--schema=synkron", database.superuser_url]
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def dumped(database: Database) -> str:
    """The schema without comments, blank lines and what differs between releases of PostgreSQL's own tool."""
    arguments = [str(programs() / "pg_dump"), "--schema-only", "--schema=synkron", "--no-owner", database.superuser_url]
    text = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if line and not re.match(r"--|SET |SELECT pg_catalog|\\", line)]
    return "\n".join(lines) + "\n"
