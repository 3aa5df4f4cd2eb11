"""What a text names, on the application's tables and on the mirror of a Data API's."""

from __future__ import annotations

import pytest

from synkron.errors import Ambiguous, NotFound, SynkronError
from synkron.model import Scope
from synkron.reports.names.match import AskedScope
from synkron.reports.names.store import resolve
from synkron.settings.load import Settings
from synkron.settings.sections import SourceTables
from tests.conftest import Connection

FJORDLYS, FJORD, VIK, GONE = (f"{n}b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11" for n in "7890")
ONE, TWO, THREE, FOUR, FIVE, LOST = (f"{n}f8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51" for n in "12345c")
ORGANIZATIONS = [
    (FJORDLYS, "Fjordlys Barnehager"),
    (FJORD, "Fjord"),
    (VIK, "Vik \x1b[31mOmsorg"),
    (TWO, "Fjordlys"),
    (FIVE, "Lofoten"),
]
INTEGRATIONS = [
    (ONE, FJORDLYS, "xledger"),
    (TWO, FJORDLYS, "dynamics"),
    (THREE, VIK, "fiken"),
    (FOUR, VIK, "fiken"),
    (FIVE, FIVE, "xledger"),
]
RECORDED = [(ONE, FJORDLYS, "xledger"), (LOST, GONE, "telex")]
DIRECT, MIRRORED = Settings(), Settings(source=SourceTables(data_api=True), supabase={"url": "https://a.supabase.co"})


@pytest.fixture(params=[DIRECT, MIRRORED], ids=["direct", "mirrored"])
async def settings(request: pytest.FixtureRequest, connection: Connection) -> Settings:
    """Settings whose tables have four organizations and integrations; the ledger has more."""
    found: Settings = request.param
    direct = found is DIRECT
    organizations = "organizations" if direct else "synkron.mirrored_organizations"
    integrations = "organization_integrations" if direct else "synkron.mirrored_integrations"
    await connection.executemany(f"insert into {organizations} (id, name) values ($1, $2)", ORGANIZATIONS)
    await connection.executemany(
        f"insert into {integrations} (id, org_id, integration_type, is_enabled) values ($1, $2, $3, true)", INTEGRATIONS
    )
    await record(connection)
    return found


async def record(connection: Connection) -> None:
    """A run of an integration that is there, and one of an integration, organization and type that are gone."""
    await connection.executemany(
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_end, "
        "execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, finished_at) "
        "select $1, $1, $2, $3, 'schedule', at, at, at, at, 'skip', 'no target', '* * * * *', 1, 'skipped', now() "
        "from date_trunc('minute', now()) at",
        RECORDED,
    )


SCOPES: list[tuple[dict[str, str], Scope]] = [
    ({}, Scope()),
    ({"org": FJORDLYS}, Scope(FJORDLYS)),
    ({"org": FJORDLYS.upper()}, Scope(FJORDLYS)),
    ({"org": "7b1c"}, Scope(FJORDLYS)),
    ({"org": "7B1C5F2E"}, Scope(FJORDLYS)),
    ({"org": "barnehager"}, Scope(FJORDLYS)),
    ({"org": "FJORD"}, Scope(FJORD)),
    ({"org": r"vik \x1b[31"}, Scope(VIK)),
    # Only the ledger has it.
    ({"org": GONE}, Scope(GONE)),
    ({"org": GONE.upper()}, Scope(GONE)),
    ({"integration_type": "telex"}, Scope(None, "telex")),
    ({"integration": LOST.upper()}, Scope(None, None, LOST)),
    ({"integration_type": "xledger"}, Scope(None, "xledger")),
    ({"integration_type": "XLEDGER"}, Scope(None, "xledger")),
    ({"integration_type": "dyn"}, Scope(None, "dynamics")),
    # Only a row has it.
    ({"integration_type": "fik"}, Scope(None, "fiken")),
    ({"integration": ONE}, Scope(None, None, ONE)),
    ({"integration": ONE.upper()}, Scope(None, None, ONE)),
    ({"integration": "1f8f"}, Scope(None, None, ONE)),
    ({"integration": "1F8F6F0E-52"}, Scope(None, None, ONE)),
    ({"integration": "Fjordlys Barnehager  xledger"}, Scope(None, None, ONE)),
    ({"integration": "barnehager dyn"}, Scope(None, None, TWO)),
    ({"integration": "lofoten"}, Scope(None, None, FIVE)),
    ({"org": "barnehager", "integration_type": "xled", "integration": "1f8f"}, Scope(FJORDLYS, "xledger", ONE)),
]


async def test_what_is_named(connection: Connection, settings: Settings) -> None:
    for asked, scope in SCOPES:
        assert (await resolve(connection, settings, AskedScope(**asked))).scope == scope, asked
    told = await resolve(connection, settings, AskedScope("barnehager", "XLEDGER", "1f8f"))
    assert told.notes == [
        f'organization "barnehager": Fjordlys Barnehager ({FJORDLYS})',
        'type "XLEDGER": xledger',
        f'integration "1f8f": Fjordlys Barnehager xledger ({ONE})',
    ]
    assert (await resolve(connection, settings, AskedScope(FJORDLYS, "xledger", ONE))).notes == []


UNKNOWN: list[tuple[dict[str, str], type[SynkronError], str]] = [
    ({"org": "nope"}, NotFound, 'There is no organization "nope" in public.organizations.'),
    ({"org": "Fjordlis"}, NotFound, "The nearest: Fjordlys Barnehager, Fjordlys, Fjord."),
    ({"org": GONE[:8]}, NotFound, "There is no organization"),
    ({"org": "'; drop table x"}, NotFound, "There is no organization"),
    ({"org": "%"}, NotFound, "There is no organization"),
    ({"org": "fjor"}, Ambiguous, '"fjor" fits several organizations.'),
    ({"integration_type": "xledgr"}, NotFound, "Known are bufdir, dynamics, fiken, xledger."),
    ({"integration_type": "tele"}, NotFound, "There is no integration type"),
    ({"integration_type": "e"}, Ambiguous, '"e" fits several types.'),
    ({"integration": "no uuid"}, NotFound, 'There is no integration "no uuid".'),
    ({"integration": "1f8"}, NotFound, 'There is no integration "1f8".'),
    ({"integration": "f8f6"}, NotFound, "by its organization and type"),
    ({"integration": LOST[:8]}, NotFound, "There is no integration"),
    ({"integration": "x'y"}, NotFound, "There is no integration"),
    ({"integration": "99999999999999999999999"}, NotFound, "There is no integration"),
    ({"integration": "fjor xledger"}, Ambiguous, '"fjor" fits several organizations.'),
    ({"integration": "barnehager telefax"}, NotFound, 'There is no integration type "telefax"'),
    ({"integration": "fjord xledger"}, NotFound, 'There is no integration "fjord xledger".'),
    ({"integration": "vik"}, Ambiguous, '"vik" fits several integrations.'),
    ({"integration": "fjord"}, NotFound, 'There is no integration "fjord".'),
    ({"integration": "vik fiken"}, Ambiguous, '"vik fiken" fits several integrations.'),
    ({"org": "fjord", "integration": ONE}, NotFound, "is xledger of Fjordlys Barnehager, and not"),
    ({"integration_type": "dynamics", "integration": ONE}, NotFound, "is xledger of Fjordlys Barnehager, and not"),
]


LISTED = {
    "fjor": [f"{FJORDLYS}  Fjordlys Barnehager", f"{FJORD}  Fjord", f"{TWO}  Fjordlys"],
    "vik": [f"{one}  Vik \x1b[31mOmsorg fiken" for one in (THREE, FOUR)],
    "vik fiken": [f"{one}  Vik \x1b[31mOmsorg fiken" for one in (THREE, FOUR)],
    "e": [f"{kind}  {kind}" for kind in ("fiken", "xledger")],
}


async def test_what_is_not(connection: Connection, settings: Settings) -> None:
    for asked, kind, said in UNKNOWN:
        with pytest.raises(kind) as raised:
            await resolve(connection, settings, AskedScope(**asked))
        if settings is DIRECT or "public" not in said:
            assert said in str(raised.value), asked
        if isinstance(raised.value, Ambiguous):
            assert sorted(raised.value.lines) == sorted(LISTED[said.split('"')[1]]), asked


@pytest.mark.own_database
async def test_ids_of_another_type(connection: Connection) -> None:
    """A number is given whole: its beginning is another number."""
    for kind in ("text", "bigint", "integer", "varchar(5)", "numeric"):
        for statement in (
            "drop table organization_integrations, organizations",
            f"create table public.organizations (id {kind} primary key, name text, timezone text)",
            f"create table public.organization_integrations (id {kind} primary key, org_id {kind})",
            "alter table organization_integrations add integration_type text",
            "alter table organization_integrations add is_enabled boolean, add cron_schedule text",
            "insert into organizations values (47115, 'Fjord'), (12, '4711')",
            "insert into organization_integrations values (47115, 12, 'xledger', true)",
        ):
            await connection.execute(statement)
        for asked, scope in (
            (AskedScope("47115"), Scope("47115")),
            (AskedScope("12"), Scope("12")),
            (AskedScope("4711"), Scope("12")),
            (AskedScope(None, None, "47115"), Scope(None, None, "47115")),
        ):
            assert (await resolve(connection, DIRECT, asked)).scope == scope, kind
        for unknown in ("2", "471"):
            with pytest.raises(NotFound):
                await resolve(connection, DIRECT, AskedScope(unknown))
        for unknown in ("4711", "471150", "9" * 40):
            with pytest.raises(NotFound):
                await resolve(connection, DIRECT, AskedScope(None, None, unknown))


@pytest.mark.own_database
async def test_without_the_tables_the_ledger_answers(connection: Connection) -> None:
    await record(connection)
    await connection.execute("drop table organization_integrations, organizations")
    asked = AskedScope(GONE.upper(), "telex", LOST)
    assert (await resolve(connection, DIRECT, asked)).scope == Scope(GONE, "telex", LOST)
    assert (await resolve(connection, DIRECT, AskedScope(None, "xled"))).scope == Scope(None, "xledger")
    for nobody in (AskedScope("nobody"), AskedScope(None, "nothing"), AskedScope(None, None, "none at all")):
        with pytest.raises(SynkronError, match=r"name yours in synkron\.toml"):
            await resolve(connection, DIRECT, nobody)


@pytest.mark.own_database
async def test_without_the_ledger_the_tables_answer(connection: Connection) -> None:
    await connection.executemany("insert into organizations (id, name) values ($1, $2)", ORGANIZATIONS)
    await connection.execute(
        "insert into organization_integrations (id, org_id, integration_type) values ($1, $2, 'xledger')", ONE, FJORDLYS
    )
    no_right = "revoke usage on schema synkron from current_user"
    for less in ("drop function synkron.id_of", no_right, "drop schema synkron cascade"):
        await connection.execute(less)
        assert (await resolve(connection, DIRECT, AskedScope("barnehager"))).scope == Scope(FJORDLYS)
        one = Scope(None, None, ONE)
        assert (await resolve(connection, DIRECT, AskedScope(None, None, ONE.upper()))).scope == one
    with pytest.raises(NotFound):
        await resolve(connection, DIRECT, AskedScope(GONE, "telex"))
