"""A program that imports Synkron hears of it by the standard logging module, and only if it asks to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

READ = """
import asyncio, os
from datetime import UTC, datetime
import asyncpg
from synkron import read_due_integrations

async def main():
    connection = await asyncpg.connect(os.environ["URL"])
    await read_due_integrations(datetime(2026, 3, 2, 2, tzinfo=UTC), connection)
    await connection.close()

asyncio.run(main())
"""
STRUCTLOG = "import structlog; structlog.configure(logger_factory=structlog.PrintLoggerFactory())\n"
LOGGING = "import logging; logging.basicConfig(format='%(levelname)s %(name)s %(message)s')\n"
FACTS = """
import logging
class Told(logging.Handler):
    def emit(self, record):
        print(record.levelname, record.msg % record.args, sorted(record.facts))
logging.getLogger("synkron").addHandler(Told())
"""


def ended(program: str, **environment: str) -> tuple[str, str]:
    """What a program wrote."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("first", ["", STRUCTLOG], ids=["nothing set up", "structlog set up by the program"])
def test_nothing_is_written_unless_asked_for(first: str, url_of_a_faulty_row: str) -> None:
    assert ended(first + READ, URL=url_of_a_faulty_row) == ("", "")


def test_the_standard_logger_has_the_line(url_of_a_faulty_row: str) -> None:
    out, err = ended(LOGGING + READ, URL=url_of_a_faulty_row)
    assert out == ""
    [line] = err.splitlines()
    assert line.startswith("WARNING synkron integration left out org_id=")
    assert 'reason=cron_schedule "99 * * * *"' in line


def test_a_handler_gets_the_facts(url_of_a_faulty_row: str) -> None:
    out, _ = ended(FACTS + READ, URL=url_of_a_faulty_row)
    assert out.startswith("WARNING integration left out ")
    assert out.strip().endswith("['integration_id', 'integration_type', 'org_id', 'reason']")


def test_an_exception_is_logged_with_its_traceback() -> None:
    program = LOGGING + (
        "from synkron.runtime import log\ntry: 1 / 0\nexcept ZeroDivisionError: log.exception('it failed', run_id=7)\n"
        "log.error('again', exc_info=ValueError('why'))\nlog.debug('not told')"
    )
    _, err = ended(program)
    lines = err.splitlines()
    assert lines[0] == "ERROR synkron it failed run_id=7"
    assert "ZeroDivisionError: division by zero" in lines
    assert lines[-2:] == ["ERROR synkron again", "ValueError: why"]
