"""The migrations as files that the Supabase CLI applies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from synkron.errors import Refused
from synkron.ledger.migrate import checksum
from synkron.ledger.queue import queue_tables
from synkron.postgres.statements import migrations, statements

SQL = statements("ledger/emit")


def emit(folder: Path, at: datetime, *, grant_to: str | None = None) -> list[Path]:
    """Write a file for each migration that has none in the folder yet, and one with the grants. Returns the new files.

    They do the same as ``migrate``, and leave alone what it has done already. Their versions are the seconds from
    ``at`` on, because the CLI refuses a file that is older than the last one it applied. Raises Refused.
    """
    try:
        known = {path.name.partition("_")[2] for path in folder.iterdir()}
        made: list[Path] = []
        for name, text in _files(grant_to):
            if f"{name}.sql" not in known:
                path = folder / f"{at + timedelta(seconds=len(made)):%Y%m%d%H%M%S}_{name}.sql"
                path.write_text(text, "utf-8")
                made.append(path)
    except OSError as error:
        raise Refused(
            f"Can't write migrations to {folder}: {error.strerror}. Name the folder of the Supabase CLI, which "
            "`supabase init` makes: supabase/migrations."
        ) from None
    return made


def _files(grant_to: str | None) -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    prepare = statements("ledger/migrate")["prepare"]
    yield "synkron_0000_queue", f"{prepare}\n\n{_filled('queue', TEXT=queue_tables())}\n"
    last = ""
    for last, text in migrations():
        yield f"synkron_{last}", _filled("migration", NAME=last, CHECKSUM=checksum(text), TEXT=text) + "\n"
    to = "" if grant_to is None else re.sub(r"\W", "_", f"_to_{grant_to}")
    role = "" if grant_to is None else grant_to.replace("'", "''")
    grants = f"{_filled('grant_to', ROLE=role)}\n\n{statements('ledger/migrate')['grant']}\n"
    yield f"synkron_{last}_grants{to}", grants


def _filled(name: str, **values: str) -> str:
    """The statement with the values in place of the words in capitals."""
    return re.sub("|".join(values), lambda found: values[found[0]], SQL[name])
