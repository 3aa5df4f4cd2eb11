"""The two ways beside which the due read is measured: fetch all enabled rows, and judge each here.

Both ask one statement, keep what they have parsed, and judge with Synkron's own cron language, each pair of expression
and zone once a read, so that what differs is the fetching. The ids have the form that is fastest for each. The drivers
are imported by name, as they need not be installed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib import import_module

from synkron.cron import Cron, minute_range, parse, parse_zone
from synkron.errors import CronError

Read = Callable[[datetime], list[str]]
"""The ids of the integrations that fire within 30 s of an instant."""

STATEMENT = """
select i.id{cast}, i.org_id{cast}, i.integration_type, i.cron_schedule, coalesce(o.timezone, 'UTC') as timezone
from organization_integrations i join organizations o on o.id = i.org_id
where i.is_enabled and i.cron_schedule is not null
"""
TOLERANCE = timedelta(seconds=30)


def with_psycopg(url: str) -> Read:
    """Rows as tuples."""
    connection = import_module("psycopg").connect(url)
    statement = STATEMENT.format(cast="::text")

    def read(at: datetime) -> list[str]:
        fires = _judge(at)
        rows = connection.execute(statement, binary=True).fetchall()
        connection.rollback()
        return [one for one, _, _, schedule, zone in rows if fires(schedule, zone)]

    return read


def with_adbc(url: str) -> Read:
    """Rows as Arrow's columns: the pairs of expression and zone are judged, and the rows selected, as columns."""
    pyarrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    connection = import_module("adbc_driver_postgresql.dbapi").connect(url)
    statement = STATEMENT.format(cast="")

    def read(at: datetime) -> list[str]:
        fires = _judge(at)
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetch_arrow_table()
        connection.rollback()
        schedules = rows["cron_schedule"].combine_chunks().dictionary_encode()
        zones = rows["timezone"].combine_chunks().dictionary_encode()
        names = zones.dictionary.to_pylist()
        verdicts = pyarrow.array([fires(text, zone) for text in schedules.dictionary.to_pylist() for zone in names])
        pairs = compute.add(compute.multiply(schedules.indices, len(names)), zones.indices)
        return [str(one) for one in rows["id"].filter(verdicts.take(pairs)).to_pylist()]

    return read


def _judge(at: datetime) -> Callable[[str, str], bool]:
    """Whether an expression fires within 30 s of the instant in a zone. One that is malformed does not."""
    start, end = at - TOLERANCE - timedelta(microseconds=1), at + TOLERANCE
    ranges = cache(lambda zone: minute_range(start, end, _zone(zone)))

    @cache
    def fires(text: str, zone: str) -> bool:
        cron = _parsed(text)
        return cron is not None and cron.fires_within(ranges(zone))

    return fires


@cache
def _parsed(text: str) -> Cron | None:
    try:
        return parse(text)
    except CronError:
        return None


@cache
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else parse_zone(name)
