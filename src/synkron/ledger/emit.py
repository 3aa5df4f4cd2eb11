"""The migrations as files that the Supabase CLI applies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
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
    ``at`` on, or behind the newest file, because the CLI refuses one that is older than the last one it applied. Raises
    Refused.
    """
    try:
        names = [path.name for path in folder.iterdir()]
        known = {name.partition("_")[2] for name in names}
        at = max([at, *(version + timedelta(seconds=1) for version in map(_version, names) if version)])
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


def _version(name: str) -> datetime | None:
    """The time in the name of a migration of the CLI; None for any other file."""
    found = None
    with suppress(ValueError):
        found = datetime.strptime(f"{name[:15]}+0000", "%Y%m%d%H%M%S_%z")
    return found if found and found.year < 9999 else None


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
