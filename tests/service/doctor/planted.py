"""The faults that are planted: how each is made, which check finds it, what that says, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from synkron.ledger.migrate import checksum
from synkron.postgres.statements import migrations
from synkron.service.doctor.finding import Level


@dataclass(frozen=True)
class Planted:
    """A fault: the SQL and the settings that make it; the check that finds it, how serious it is, and what it says.

    ``remedy`` is a pattern of a command, or of what it says to do. The first command is run as it stands there, unless
    ``mend`` says what an operator does instead: settings, SQL or a command.
    """

    check: str
    level: Level
    why: str
    remedy: str
    sql: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    mend: dict[str, Any] | str | None = None


RLS = "alter table organizations enable row level security;"
WAITS = """
    insert into synkron.queue (priority, entrypoint, execute_after, status)
    select 0, '{}', now() - interval '1 hour', 'queued' from generate_series(1, 3)
"""
# Triggers keep the ledger from being changed so.
UNGUARDED = "set session_replication_role = replica; {}; reset session_replication_role;"
THREE_HOURS_AGO = UNGUARDED.format("update synkron.ticks set at = now() - interval '3 hours'")
# What pg_cron claims of the plans is no tick: it decides nothing else.
CLAIMED_BY_PG_CRON = """
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    values (now(), now() - interval '30 seconds 1 microsecond', now(), 'pg_cron', 'pg_cron', 1, 1, 0, 0)
"""
FAULTS = {
    "no grant on a table": Planted(
        "tables",
        Level.FAILED,
        r"^Permission denied for table organization_integrations\.$",
        r'^grant usage on schema "public" to "synk.*; grant select on "public"\."organizations", ".*" to "synk.*;$',
        sql="revoke select on organization_integrations from ROLE",
    ),
    "no grant on one column": Planted(
        "tables",
        Level.FAILED,
        r"^Permission denied for table organizations\.$",
        "; grant select on ",
        sql="revoke select on organizations from ROLE; grant select (id, name) on organizations to ROLE",
    ),
    "policies that filter": Planted(
        "row security",
        Level.FAILED,
        r"hides rows from the role \"synk.*: its policies \(own\) do not show it every row\.$",
        r'^create policy synkron_reads_all on public\.organizations for select to "synk.* using \(true\);$',
        sql=f"{RLS} create policy own on organizations using (name = 'mine')",
    ),
    "a policy that restricts": Planted(
        "row security",
        Level.FAILED,
        r"its policies \(all_too, own\) do not",
        r'^alter role "synk.* bypassrls;$',
        sql=f"{RLS} create policy all_too on organizations using (true);"
        "create policy own on organizations as restrictive using (name = 'mine')",
    ),
    "no policy at all": Planted(
        "row security", Level.FAILED, "it has no policy", "^create policy synkron_reads_all on ", sql=RLS
    ),
    "a role with a user's claims": Planted(
        "row security",
        Level.FAILED,
        r"carries the claims of a user \(request\.jwt\.claims\)",
        "and unset request.jwt.claims",
        sql="""alter role ROLE set request.jwt.claims = '{"role": "authenticated", "sub": "1"}'""",
        mend="alter role ROLE reset request.jwt.claims",
    ),
    "no tables": Planted(
        "tables",
        Level.FAILED,
        r'^Relation "public\.organization.*" does not exist\.$',
        "^synkron migrate --with-source-tables --grant-to ",
        sql="drop table organizations, organization_integrations",
    ),
    "a table has another name": Planted(
        "tables",
        Level.FAILED,
        r'^Relation "public\.organizations" does not exist\.$',
        r"name yours in synkron\.toml under \[source\]",
        sql="alter table organizations rename to tenants",
        mend={"source": {"organizations": {"table": "tenants"}}},
    ),
    "a column has another name": Planted(
        "tables",
        Level.FAILED,
        r"^Column m\.timezone does not exist\.$",
        r"name yours in synkron\.toml under \[source\]",
        sql="alter table organizations rename timezone to tz",
        mend={"source": {"organizations": {"timezone": "tz"}}},
    ),
    "a column of another type": Planted(
        "tables",
        Level.FAILED,
        r"^Coalesce types text and boolean cannot be matched\.$",
        "is_enabled to be boolean",
        sql="drop index synkron_due_expressions;"
        "alter table organization_integrations alter is_enabled drop default, alter is_enabled type text",
        mend="alter table organization_integrations alter is_enabled type boolean using is_enabled::boolean",
    ),
    "a missing index": Planted(
        "indexes",
        Level.WARNING,
        "lacks synkron_due_expressions: each",
        "^synkron migrate --with-index$",
        sql="drop index synkron_due_expressions",
    ),
    "an invalid index": Planted(
        "indexes",
        Level.WARNING,
        "lacks synkron_due_timezones: each",
        "^synkron migrate --with-index$",
        sql="update pg_index set indisvalid = false where indexrelid = 'synkron_due_timezones'::regclass",
    ),
    "no ledger": Planted(
        "ledger",
        Level.FAILED,
        "no schema synkron",
        "^synkron migrate --grant-to ",
        sql="drop schema synkron cascade",
    ),
    "no grants on the ledger": Planted(
        "ledger",
        Level.FAILED,
        "lacks usage of the schema synkron",
        "^synkron migrate --grant-to ",
        sql="revoke all on schema synkron from ROLE",
    ),
    "a grant on the ledger is missing": Planted(
        "ledger",
        Level.FAILED,
        "lacks insert on runs, update on running",
        "^synkron migrate --grant-to ",
        sql="revoke insert on synkron.runs from ROLE; revoke update on synkron.running from ROLE",
    ),
    "a migration is missing": Planted(
        "migrations",
        Level.FAILED,
        "lacks the migrations 0007",
        "^synkron migrate --grant-to ",
        sql="delete from synkron.migrations where name like '0007%'",
    ),
    "a migration of another release": Planted(
        "migrations",
        Level.FAILED,
        "0001_ledger was applied with a different text",
        "install the release that the database was migrated with",
        sql="update synkron.migrations set checksum = 'x' where name = '0001_ledger'",
        mend=f"update synkron.migrations set checksum = '{checksum(dict(migrations())['0001_ledger'])}' "
        "where name = '0001_ledger'",
    ),
    "the ledger is a copy": Planted(
        "installation",
        Level.FAILED,
        "^This ledger is a copy, or was restored from a dump: ",
        "^synkron adopt --as copy$",
        sql="update synkron.installations set database_oid = 1",
        mend="synkron adopt --as copy --yes",
    ),
    "the ledger has no name": Planted(
        "installation",
        Level.FAILED,
        r'for the installation "prod", but the one in .* has no name\.$',
        "^synkron migrate --installation prod$",
        settings={"installation": "prod"},
    ),
    "the ledger has another name": Planted(
        "installation",
        Level.FAILED,
        'for the installation "prod", but the one in .* is "staging"',
        "^Set the database of prod in the settings",
        sql="update synkron.installations set name = 'staging'",
        settings={"installation": "prod"},
        mend={"installation": "staging"},
    ),
    "nobody ticks": Planted(
        "scheduler",
        Level.WARNING,
        r"^No scheduler is running: the last tick was 3 hours ago\.$",
        "^synkron run --role scheduler$",
        sql=f"{THREE_HOURS_AGO} delete from synkron.nodes where role = 'scheduler'",
        mend="synkron tick",
    ),
    "pg_cron ticks alone": Planted(
        "scheduler",
        Level.WARNING,
        r"^No scheduler is running: the last tick was 3 hours ago\.$",
        "^synkron run --role scheduler$",
        sql=f"{THREE_HOURS_AGO} {CLAIMED_BY_PG_CRON}; delete from synkron.nodes where role = 'scheduler'",
        mend="synkron tick",
    ),
    "a scheduler that does not tick": Planted(
        "scheduler",
        Level.FAILED,
        r"^here:1 runs as a scheduler, but the last tick was 3 hours ago\.$",
        "^synkron tick$",
        sql=f"{THREE_HOURS_AGO} {CLAIMED_BY_PG_CRON}",
    ),
    "a clock that was set back": Planted(
        "scheduler",
        Level.FAILED,
        "Everything up to 3 hours from now is decided already",
        "correct the clock",
        sql="update synkron.watermark set at = now() + interval '3 hours 1 minute'",
        mend=UNGUARDED.format("update synkron.watermark set at = now()"),
    ),
    "no worker": Planted(
        "worker",
        Level.WARNING,
        "No worker is running",
        "^synkron run --role worker$",
        sql="update synkron.nodes set seen_at = now() - interval '1 hour' where name = 'here:1'",
        mend="update synkron.nodes set seen_at = now() + interval '1 hour'",
    ),
    "jobs that nobody takes": Planted(
        "queue",
        Level.FAILED,
        r"^3 jobs of xledger waited up to one hour, and no worker takes them\.$",
        "^synkron run --role worker$",
        sql=WAITS.format("xledger"),
        mend="truncate synkron.queue",
    ),
    "jobs of a type that is not in the settings": Planted(
        "queue",
        Level.FAILED,
        r"of fi ken waited .* these settings do not have that type\.$",
        r'^Add \[types\."fi ken"\] to synkron.toml',
        sql=WAITS.format("fi ken"),
        mend="truncate synkron.queue",
    ),
    "jobs beyond the concurrency": Planted(
        "queue",
        Level.WARNING,
        "1 are under way, which is the type's concurrency",
        r"under \[types\.bufdir\], raise concurrency",
        sql=f"{WAITS.format('bufdir')}; update synkron.queue set status = 'picked' where id = 1",
        settings={"types": {"bufdir": {"concurrency": 1}}},
        mend="truncate synkron.queue",
    ),
    "a second clock without pg_cron": Planted(
        "pg_cron",
        Level.FAILED,
        r"^This server has no pg_cron\.$",
        "^Install it ",
        sql="insert into synkron.second_clock (wakes, claims, ahead) values (false, true, interval '15 minutes')",
        mend="synkron pg-cron remove --yes",
    ),
    "an override beyond the retention": Planted(
        "retention",
        Level.WARNING,
        "kept for 100d, and an override catches up 200d",
        r'^In synkron\.toml, set retention = "230d"\.$',
        sql="insert into synkron.overrides (integration_id, catch_up_window) values ('x', '200 days')",
        settings={"retention": "100d"},
        mend={"retention": "230d"},
    ),
    "a row that can't run": Planted(
        "rows",
        Level.WARNING,
        r"^1 of 2 rows can't run, and 2 warnings about 1 row\.$",
        "^synkron check$",
        sql="insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select id, 'xledger', '61 * * * *' from organizations;"
        "update organization_integrations set cron_schedule = '*/7 * * * *' where cron_schedule = '0 2 * * *'",
        mend="update organization_integrations set cron_schedule = '0 3 * * *'",
    ),
    "no row can run": Planted(
        "rows",
        Level.FAILED,
        r"^None of the enabled rows can run \(1 of 1 row\)\.$",
        "^synkron check$",
        sql="update organization_integrations set integration_type = 'fiken'",
        mend={"types": {"fiken": {"target": "json:dumps"}}},
    ),
    "a type without a target": Planted(
        "rows",
        Level.WARNING,
        "no target for dynamics, which enabled rows have",
        r"under \[types\.dynamics\], set target",
        sql="update organization_integrations set integration_type = 'dynamics'",
        mend={"types": {"dynamics": {"target": "json:dumps"}}},
    ),
    "no target at all": Planted(
        "targets",
        Level.WARNING,
        "These settings have no target",
        r"under \[types\.\w+\], set target",
        settings={"types": {"xledger": {}}},
        mend={"types": {"xledger": {"target": "json:dumps"}}},
    ),
    "a target's module that is not there": Planted(
        "settings",
        Level.FAILED,
        r"^types\.bufdir\.target: ",
        "^Correct this key",
        settings={"types": {"bufdir": {"target": "nowhere.to_be_found:run"}}},
        mend={"types": {"bufdir": {"target": "json:dumps"}}},
    ),
    "a target that nobody listens at": Planted(
        "targets",
        Level.FAILED,
        r"^127\.0\.0\.1:1, the target of bufdir, can't be reached from this host: Connection refused\.$",
        "^Start the server at 127.0.0.1:1, or correct types.bufdir.target",
        settings={"types": {"bufdir": {"target": "http://127.0.0.1:1/sync?key=hush-hush"}}},
        mend={"types": {"bufdir": {"target": "json:dumps"}}},
    ),
    "a target whose name is unknown": Planted(
        "targets",
        Level.FAILED,
        "its name is not known to the name servers",
        "or correct types.bufdir.target",
        settings={"types": {"bufdir": {"target": "https://nowhere.invalid/sync"}}},
        mend={"types": {"bufdir": {"target": "json:dumps"}}},
    ),
}
