"""One contract for every source: the same rows give the same answer, whatever they are read through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import structlog

from synkron import DueIntegration, DueRead, Fault, SourceTables, read_due_integrations, read_schedule
from synkron.errors import NaiveDatetimeError
from synkron.settings.sections import IntegrationsTable, OrganizationsTable
from synkron.source.parsed_texts import ParsedTexts
from tests.source.sources import ALL
from tests.support.databases import Database
from tests.support.postgrest import StandIn

EVERY_SOURCE = pytest.mark.parametrize("kind", ALL)
AT = "2026-03-02T02:00:00"
WITHOUT_KEYS = """
    alter table organization_integrations drop constraint organization_integrations_pkey;
"""
# In a table without its foreign key a row may be of no organization; the key is what the Data API joins by.
ORPHANED = """
    alter table organization_integrations drop constraint organization_integrations_org_id_fkey;
    update organization_integrations set org_id = '00000000-0000-0000-0000-000000009999' where id::text like '%0002';
    alter table organization_integrations
        add foreign key (org_id) references organizations (id) on delete cascade not valid;
"""
TEXT_IDS = """
    alter table organization_integrations alter column id drop default, alter column id type text;
    update organization_integrations set id = case when id like '%0001' then e'a,b.c(d)"e\\' & %20+ø' else id end;
"""
NUMBERS = """
    alter table organization_integrations alter column id drop default,
        alter column id type bigint using substr(id::text, 25)::bigint + 9007199254740992;
"""
MINUTES = (
    "drop index synkron_due_timezones; alter table organizations alter column timezone type numeric(5, 1) using 120"
)


@dataclass(frozen=True)
class Case:
    """Two rows of two organizations, then what is done to them; who is due, and which row is invalid, by number."""

    name: str
    first: str | None = "0 2 * * *"
    second: str | None = "0 2 * * *"
    kinds: tuple[str, str] = ("xledger", "dynamics")
    zones: tuple[str | None, str | None] = (None, None)
    edit: str = ""
    at: str = AT
    due: tuple[str, ...] = ("0001", "0002")
    invalid: tuple[tuple[str, Fault, str], ...] = ()


CASES = [
    Case("both fire"),
    Case("nothing fires", at="2026-03-02T02:01:00", due=()),
    Case("no rows", edit="delete from organizations", due=()),
    Case("at the edges of the window", second="1 2 * * *", at="2026-03-02T02:00:30"),
    Case("disabled", edit="update organization_integrations set is_enabled = false where id::text like '%0001'",
         due=("0002",)),
    Case("no schedule", first=None, due=("0002",)),
    Case("in Oslo", zones=("Europe/Oslo", None), due=("0002",)),
    Case("in Oslo, an hour before", zones=("Europe/Oslo", None), at="2026-03-02T01:00:00", due=("0001",)),
    Case("an offset", zones=("+02:00", ""), due=("0002",)),
    Case("a number of minutes", edit=MINUTES, at="2026-03-02T00:00:00"),
    Case("no 31st", first="0 2 31 * *", at="2026-11-30T02:00:00", due=("0002",)),
    Case("malformed", first="99 * * * *", due=("0002",), invalid=(("0001", Fault.SCHEDULE, "minute"),)),
    Case("six fields", first="0 0 2 * * *", due=("0002",), invalid=(("0001", Fault.SCHEDULE, "cron_schedule"),)),
    Case("far too long", first="0 2 * * * " * 1000, due=("0002",), invalid=(("0001", Fault.SCHEDULE, "512"),)),
    Case("an unknown zone", zones=("Europe/Olso", None), due=("0002",),
         invalid=(("0001", Fault.ZONE, "Europe/Olso"),)),
    Case("an unknown type", kinds=("fiken", "xledger"), due=("0002",),
         invalid=(("0001", Fault.TYPE, "types.fiken"),)),
    Case("a missing organization", edit=ORPHANED, due=("0001",),
         invalid=(("0002", Fault.ORGANIZATION, "no organization 00000000-0000-0000-0000-000000009999"),)),
    Case("no org_id", due=("0001",), invalid=(("0002", Fault.ROW, "org_id is null"),),
         edit="alter table organization_integrations alter org_id drop not null;"
         "update organization_integrations set org_id = null where id::text like '%0002'"),
    Case("no type", due=("0001",), invalid=(("0002", Fault.ROW, "integration_type is null"),),
         edit="alter table organization_integrations alter integration_type drop not null;"
         "update organization_integrations set integration_type = null where id::text like '%0002'"),
    Case("no id", due=("0001",), invalid=(("(null)", Fault.ROW, "id is null"),),
         edit=WITHOUT_KEYS + "alter table organization_integrations alter id drop not null;"
         "update organization_integrations set id = null where id::text like '%0002'"),
    Case("an id on two rows", due=("0001",), invalid=(("0002", Fault.ROW, "more than one row"),) * 2,
         edit=WITHOUT_KEYS + "insert into organization_integrations select id, org_id, 'bufdir', true, '0 2 * * *' "
         "from organization_integrations where id::text like '%0002'"),
    Case("a long id", due=("0001",), invalid=(("2" * 200, Fault.ROW, "200 bytes"),),
         edit="alter table organization_integrations alter id drop default, alter id type text;"
         "update organization_integrations set id = repeat('2', 300) where id like '%0002'"),
    Case("ids that are text", edit=TEXT_IDS, due=("a,b.c(d)\"e' & %20+ø", "0002")),
    Case("ids that are large numbers", edit=NUMBERS, due=("9007199254740993", "9007199254740994")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_same_rows_give_the_same_answer(
    case: Case, database: Database, stand_in: StandIn, nothing_known: ParsedTexts
) -> None:
    """Through every source, and through a Data API that answers in pages of one row; asked twice each time.

    Nothing is known when the first one is asked, and all texts are from then on.
    """
    del nothing_known
    await _prepare(database, case)
    at = datetime.fromisoformat(case.at).replace(tzinfo=UTC)
    for kind in ALL:
        async with ALL[kind](database, stand_in) as source:
            # On two pages an id is not on two rows but lost, which is an error.
            for stand_in.max_rows in (1000, 1) if kind == "data api" and "two rows" not in case.name else (1000,):
                where = f"{kind}, {stand_in.max_rows} rows in a page"
                _check(case, await read_schedule(at, source), where)
                with structlog.testing.capture_logs() as logs:
                    due = await read_due_integrations(at, source)
                assert len(due) == len(case.due), where
                assert [entry["log_level"] for entry in logs] == ["warning"] * len(case.invalid), where


@EVERY_SOURCE
async def test_all_rows_are_read_whatever_the_server_s_limit(
    kind: str, database: Database, stand_in: StandIn, nothing_known: ParsedTexts
) -> None:
    """2,500 rows, of which a Data API answers with 1,000 at most."""
    del nothing_known
    connection = await asyncpg.connect(database.url)
    await connection.execute("""
        insert into organizations (name) select 'o' || n from generate_series(1, 500) n;
        insert into organization_integrations (org_id, integration_type, cron_schedule)
            select id, 'xledger', '0 2 * * *' from organizations, generate_series(1, 5);
    """)
    expected = await connection.fetch("select id::text, org_id::text from organization_integrations order by 2, 1")
    await connection.close()
    at = datetime(2026, 3, 2, 2, tzinfo=UTC)
    async with ALL[kind](database, stand_in) as source:
        found = await read_due_integrations(at, source)
    assert found == [DueIntegration(row["org_id"], row["id"], "xledger", at) for row in expected]
    assert len(found) == 2500
    assert len(stand_in.requests) == {"data api": 4, "client": 4}.get(kind, 0)


@EVERY_SOURCE
async def test_names_of_ones_own(kind: str, database: Database, stand_in: StandIn, nothing_known: ParsedTexts) -> None:
    del nothing_known
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("""
        create table "Tenants" (key int primary key);
        create table syncs (number int primary key, tenant int references "Tenants", kind text, "on" boolean,
            "when" text, edited timestamptz);
        insert into "Tenants" values (1);
        insert into syncs values (5, 1, 'bufdir', true, '0 2 * * *', 'infinity');
        insert into syncs values (6, 1, 'bufdir', true, '0 2 * * *', now());
        grant select on "Tenants", syncs to service_role, synkron;
    """)
    await superuser.close()
    tables = SourceTables(
        organizations=OrganizationsTable(table="Tenants", id="key", timezone=""),
        integrations=IntegrationsTable(
            table="syncs", id="number", org_id="tenant", integration_type="kind", is_enabled="on", cron_schedule="when",
            updated_at="edited",
        ),
    )  # fmt: skip
    async with ALL[kind](database, stand_in) as source:
        found = await read_schedule(datetime(2026, 3, 2, 2, tzinfo=UTC), source, tables=tables)
        assert [(one.org_id, one.integration_id) for one in found.due] == [("1", "6")]
        assert [(one.integration_id, one.fault) for one in found.invalid] == [("5", Fault.ROW)]
        with pytest.raises(NaiveDatetimeError):
            await read_due_integrations(datetime(2026, 3, 2, 2), source)  # noqa: DTZ001 - that it has no zone is the test


async def test_what_is_no_source_is_told_what_is_one() -> None:
    nothing: object = object()
    with pytest.raises(
        TypeError, match=r"asyncpg connection or pool.*found builtins\.object.*read_due_integrations_sync"
    ):
        await read_due_integrations(datetime(2026, 3, 2, tzinfo=UTC), nothing)  # type: ignore[arg-type]


def _check(case: Case, found: DueRead, where: str) -> None:
    at = datetime.fromisoformat(case.at).replace(tzinfo=UTC)
    assert sorted(_number(one.integration_id) for one in found.due) == sorted(case.due), where
    assert all(abs(one.scheduled_for - at) <= timedelta(seconds=30) for one in found.due), where
    invalid = sorted(found.invalid, key=lambda one: one.integration_id)
    assert [(_number(one.integration_id), one.fault) for one in invalid] == [
        (number, fault) for number, fault, _ in case.invalid
    ], where
    assert all(text in one.reason for one, (*_, text) in zip(invalid, case.invalid, strict=True)), where


async def _prepare(database: Database, case: Case) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    for number, (schedule, kind, zone) in enumerate(
        zip((case.first, case.second), case.kinds, case.zones, strict=True), start=1
    ):
        ident = f"00000000-0000-0000-0000-{number:012}"
        await connection.execute("insert into organizations values ($1, 'o', $2)", ident, zone)
        await connection.execute(
            "insert into organization_integrations values ($1, $1, $2, true, $3)", ident, kind, schedule
        )
    await connection.execute(case.edit or "select")
    await connection.close()


def _number(integration_id: str) -> str:
    """What tells the test's rows apart: the last digits of their uuids, or all."""
    return integration_id[-4:] if integration_id.startswith("00000000-") else integration_id
