"""`synkron nodes`: the processes, and how far their hosts' clocks are off."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.statements import execute

TWO_NODES = """
    insert into synkron.nodes (name, role, version, started_at, seen_at, stopped_at, skew)
    select name, role, '0.1.0', now() - interval '1 hour', now() - ago, case when ended then now() - ago end, skew
    from (values
        ('a:7', 'scheduler', interval '1 second', false, interval '12 milliseconds'),
        ('a:7', 'worker', interval '1 second', false, interval '12 milliseconds'),
        ('b:8', 'worker', interval '1 minute', false, interval '-7 minutes'),
        ('c:9', 'api', interval '2 minutes', true, interval '-30 microseconds')
    ) node (name, role, ago, ended, skew)
"""


def test_nodes(on_database: Command, database: Database) -> None:
    execute(database.url, TWO_NODES)
    ended = on_database("nodes")
    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[0] == ["node", "roles", "version", "since", "(UTC)", "last", "seen", "(UTC)", "skew", "tzdata", "state"]
    assert [(row[0], row[1], row[2], row[-3:]) for row in rows[1:]] == [
        ("a:7", "scheduler,worker", "0.1.0", ["12", "ms", "running"]),
        ("b:8", "worker", "0.1.0", ["-7", "min", "lost"]),
        ("c:9", "api", "0.1.0", ["0", "ms", "stopped"]),
    ]


def test_nodes_in_json(on_database: Command, database: Database) -> None:
    execute(database.url, TWO_NODES)
    first, second, _ = on_database("nodes", "--json").answer
    assert list(first) == ["name", "roles", "version", "started_at", "seen_at", "skew_ms", "tzdata", "address", "state"]
    assert (first["roles"], first["skew_ms"], second["skew_ms"]) == (["scheduler", "worker"], 12, -420_000)
    assert first["seen_at"].endswith("Z")


def test_a_longer_heartbeat_is_waited_for(on_database: Command, database: Database) -> None:
    Path("synkron.toml").write_text('heartbeat = "2m"\n', "utf-8")
    execute(database.url, TWO_NODES)
    assert [one["state"] for one in on_database("nodes", "--json").answer] == ["running", "running", "stopped"]


def test_there_are_none(on_database: Command) -> None:
    ended = on_database("nodes")
    assert (ended.code, ended.out) == (0, "")
    assert "No node has reported itself" in ended.err
    assert on_database("nodes", "--json").answer == []
