"""Rows that would drive the terminal, through every command: in a pipe, and as bytes at a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from tests.cli.conftest import SYNKRON, Command
from tests.support.databases import Database
from tests.support.hostile import HOSTILE, SPELT, dangerous_in
from tests.support.statements import fetch

pytestmark = pytest.mark.own_database

TEXT = f"{HOSTILE}\u202e\u2028\u200b"
SHOWN = rf"{SPELT}\u202e\u2028\u200b"
PATIENCE = 60.0
SETTINGS = '[types.xledger]\ntarget = "http://127.0.0.1:9/sync"\nhealth = { mode = "passive" }\n'
# Everything that a person, a target or a vendor may have said, in the application's tables and in Synkron's own.
ROWS = """
    with one as (insert into organizations (name) values ($1) returning id),
    odd as (insert into organizations (name, timezone) values ($1, $1) returning id)
    insert into organization_integrations (org_id, integration_type, cron_schedule)
    select id, 'xledger', '* * * * *' from one
    union all select id, $1, '* * * * *' from one
    union all select id, 'xledger', $1 from one
    union all select id, 'xledger', '* * * * *' from odd;

    with moment as (select date_trunc('hour', now()) - interval '1 hour' as at),
    tick as (
        insert into synkron.ticks (at, window_start, window_end, scheduler, source, due, claimed, skipped, invalid)
        select at, at - interval '1 minute', at, $1, 'once', 1, 1, 0, 0 from moment
        returning id
    )
    insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_end,
        execute_after, next_attempt_at, action, reason, cron_schedule, timezone, tick_id, state, attempt, failures,
        started_at, finished_at, error)
    select 'key', found.id, found.org_id, $1, 'schedule', at, at, at, at, 'run', $1, $1, $1, tick.id, 'failed', 1, 1,
        at, at, $1
    from moment, tick,
        (select id::text, org_id::text from organization_integrations where integration_type = $1) found;

    insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, error)
    select id, scheduled_for, 1, $1, scheduled_for, scheduled_for, 'final', $1 from synkron.runs;

    insert into synkron.health (endpoint, integration_types, verdict, reason, known_by, since)
    values ('type xledger', array['xledger'], 'unreachable', $1, 'run', now());

    insert into synkron.incidents (kind, subject, org_id, integration_type, endpoint, title, detail, remedy, touches,
        since, opened_at, seen_at)
    values ('run_failed', $1, $1, $1, $1, $1, $1, $1, jsonb_build_object('organizations', array[$1]), now(), now(),
        now());

    insert into synkron.announcements (incident_id, transition, channel, made_at, next_attempt_at, attempts, error)
    select id, 'opened', $1, now(), now(), 1, $1 from synkron.incidents;

    insert into synkron.pauses (org_id, reason, author) select id::text, $1, $1 from organizations limit 1;
    insert into synkron.silences (org_id, reason, author, starts_at, until)
    values ($1, $1, $1, now(), now() + interval '1 hour');
    insert into synkron.audit (author, action, subject, before, after)
    values ($1, $1, $1, jsonb_build_object('reason', $1), jsonb_build_object('reason', $1));
    insert into synkron.nodes (name, role, version, started_at, seen_at, skew)
    values ($1, $1, $1, now(), now(), interval '0')
"""


@pytest.fixture
def run_id(database: Database, on_database: Command) -> str:
    """The rows are there; answers the number of the run."""
    assert on_database("tick").code == 0  # which makes the partitions
    Path("synkron.toml").write_text(SETTINGS, "utf-8")
    for statement in ROWS.split(";\n"):
        fetch(database.url, statement.replace("$1", "$1::text"), TEXT)
    return str(fetch(database.url, "select id from synkron.runs")[0][0])


TABLES = [
    ["check"],
    ["next"],
    ["due"],
    ["forecast"],
    ["runs"],
    ["runs", "show", "RUN"],
    ["drift", "--since", "24h"],
    ["why", "--integration", "INTEGRATION"],
    ["health"],
    ["incidents"],
    ["incidents", "show", "1"],
    ["incidents", "silences"],
    ["pauses"],
    ["audit"],
    ["nodes"],
    ["doctor"],
    ["verify", "--since", "24h"],
    ["report", "--since", "24h"],
    ["tick"],
    ["runs", "retry", "RUN", "--dry-run"],
    ["incidents", "acknowledge", "1", "--dry-run"],
]
SAYING = {"check", "next", "runs", "why", "health", "incidents", "pauses", "audit", "nodes"}


def test_no_command_lets_it_through(run_id: str, on_database: Command, database: Database) -> None:
    """Into a pipe, as which the tests' stdout is taken."""
    integration = _integration(database)
    for arguments, as_json in product(TABLES, (False, True)):
        given = [{"RUN": run_id, "INTEGRATION": integration}.get(one, one) for one in arguments]
        ended = on_database(*given, *(["--json"] if as_json else []))
        assert ended.code in (0, 3, 6), (arguments, ended.err)
        assert dangerous_in(ended.out + ended.err, but="\n") == [], arguments
        if as_json and ended.out:
            json.loads(ended.out)
        if arguments[0] in SAYING:
            # JSON has the true value, escaped as JSON escapes it.
            said = json.dumps(TEXT)[1:-1] if as_json and ended.out else SHOWN[:20]
            assert said in (ended.out or ended.err), arguments


ASKED: list[list[str]] = [
    ["explain", TEXT],
    ["explain", "* * * * *", "--zone", TEXT],
    ["due", "--at", TEXT],
    ["runs", "--org", TEXT],
    ["runs", TEXT],
    [TEXT],
    ["--" + TEXT],
    ["runs", "show", TEXT],
    ["--config", TEXT, "runs"],
    ["run", "--role", TEXT],
    ["pause", "--org", "1", "--reason", TEXT, "--yes"],
]


def test_nor_what_it_is_asked(on_database: Command) -> None:
    for arguments in ASKED:
        ended = on_database(*arguments)
        assert ended.code == 2, arguments
        assert dangerous_in(ended.out + ended.err, but="\n") == [], arguments


END = "---- end of the command"
# One process for many commands, as each start takes as long as all of them.
MANY = f"""
import json, sys
from contextlib import suppress
from synkron.cli import main
for arguments in json.loads(sys.argv[1]):
    with suppress(SystemExit):
        main(arguments)
    sys.stderr.flush()
    print("{END}", flush=True)
"""


def test_at_a_terminal(run_id: str, database: Database) -> None:
    """The bytes that a real process writes."""
    del run_id
    commands = [
        ["check"],
        ["next"],
        ["runs"],
        ["why", "--integration", _integration(database)],
        ["health"],
        ["incidents"],
    ]
    process = [sys.executable, "-c", MANY, json.dumps(commands)]
    *texts, rest = _safe(_at_a_terminal(process)).split(END)
    assert [SPELT[:8] in text for text in texts] == [True] * len(commands), texts
    assert rest.strip() == ""


@pytest.mark.usefixtures("run_id")
def test_a_service_at_a_terminal_warns_of_the_rows() -> None:
    assert SPELT in _safe(_at_a_terminal([SYNKRON, "up"], until=b"known integration type"))


def _safe(written: bytes) -> str:
    """The text, whose colours are all that drives the terminal."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", written.decode().replace("\r\n", "\n"))
    assert dangerous_in(text, but="\n") == []
    return text


def _at_a_terminal(arguments: list[str], until: bytes | None = None) -> bytes:
    """All that comes; a process that does not end by itself is told to once it has written this."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while True:
            written += os.read(ours, 65_536)
            if until and until in written:
                process.terminate()
    except OSError:  # nobody holds the other side any more
        return written
    finally:
        process.wait(PATIENCE)
        os.close(ours)


def _integration(database: Database) -> str:
    """The id of the run's integration."""
    return str(fetch(database.url, "select integration_id from synkron.runs")[0][0])
