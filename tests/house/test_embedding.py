"""The examples for programs that embed the reader run as they stand on the page, each as a program of its own."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from tests.conftest import Connection
from tests.house.pages import blocks, text_of
from tests.support.databases import Database
from tests.support.fleet import add_integration
from tests.support.postgrest import SECRET_KEY, postgrest

EXAMPLES = blocks(text_of("docs/embedding.md"), "python")


def subject(example: str) -> str:
    """What an example is about: the names that only one of them has."""
    names = ("read_schedule", "DataApi", "supabase", "psycopg\n", "sqlalchemy", "django", "create_pool")
    return next(name.strip() for name in names if name in example)


# requirement R13
@pytest.mark.parametrize("example", EXAMPLES, ids=subject)
async def test_an_example(example: str, database: Database, connection: Connection) -> None:
    one = await add_integration(connection, "0 2 * * *", "dynamics")
    faulty = await add_integration(connection, "99 * * * *")
    async with postgrest(database.superuser_url) as stand_in:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            example,
            env={
                **os.environ,
                "SYNKRON_DATABASE_URL": database.url,
                "SUPABASE_URL": stand_in.url,
                "SUPABASE_SECRET_KEY": SECRET_KEY,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert err.decode() == ""
    lines = [line.split()[1:4] for line in out.decode().splitlines()]
    assert lines[0] == [one, "dynamics", "2026-11-30"]
    assert [line[:2] for line in lines[1:]] == ([[faulty, "schedule"]] if "read_schedule" in example else [])


def test_there_is_one_for_each() -> None:
    assert [subject(example) for example in EXAMPLES] == [
        "create_pool",
        "DataApi",
        "supabase",
        "read_schedule",
        "psycopg",
        "sqlalchemy",
        "django",
    ]
