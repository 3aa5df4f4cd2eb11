"""What people ask in the first hour and on the morning after it, and what is true: from known facts, or by SQL."""

from __future__ import annotations

from dataclasses import dataclass

from tests.end_to_end.first_hour.fleet import (
    BACKFILLED,
    BAD_SCHEDULE,
    BAD_ZONE,
    REFUSED,
    RETRIED,
    RUNNING,
    SKIPS,
    integration_id,
    org_id,
)


@dataclass(frozen=True)
class Question:
    """Who asks what, and the command that they try first.

    Each row of ``true``, an SQL statement, fills every text of ``says``, all of which the screen must show, however its
    lines are broken. ``rows`` matches the lines of which there must be one for each row. In the ``command``, NUMBER is
    what the statement ``of`` finds. A command may end in ``> FILE``; what is in the file counts as shown.
    """

    who: str
    asks: str
    command: str
    says: tuple[str, ...]
    true: str = "select"
    rows: str = ""
    of: str = ""
    code: int = 0


def _runs(where: str) -> str:
    return (
        "select runs.id, org.name, integration_type, state, error, to_char(scheduled_for at time zone 'UTC', "
        "'YYYY-MM-DD HH24:MI') as at from synkron.runs join organizations org on org.id::text = runs.org_id "
        f"where {where} order by runs.scheduled_for"
    )


def _numbered(where: str) -> str:
    return f"select max(id) from synkron.runs where {where}"


_REFUSED_RUNS = f"integration_id = '{integration_id(REFUSED, 'dynamics')}'"
_SKIPPED, _MERGED = "Havblikk Drift", "Bjørkelia Drift"
_RUN_LINE = r"^ *\d+  2026-"

# Of each type, the periods that ended in the night, and those that a successful run covers: its own, or that into which
# it was merged. A period on hold is due too.
EXPORTED = """
    select kind, coalesce(due, 0) + coalesce(held, 0) as due, coalesce(exported, 0) as exported
    from (
        select integration_type as kind, count(*) as due,
            count(*) filter (where state = 'succeeded' or action = 'merge') as exported
        from synkron.runs where scheduled_for > '2026-05-21T16:00Z' and scheduled_for <= '2026-05-22T05:04:10Z'
        group by 1
    ) decided
    full join (select 'bufdir' as kind, count(*) as held from synkron.held) on_hold using (kind)
"""

OPERATOR, SUPPORT, FINANCE = "operator", "support", "finance"

THE_FIRST_HOUR = [
    Question(
        OPERATOR,
        "Is everything in place on this host?",
        "synkron doctor",
        ("19 checks: 0 failed", "2 of {rows} rows can't run"),
        true="select count(*) as rows from organization_integrations",
    ),
    Question(
        OPERATOR,
        "Which rows of our table can't run, and why?",
        "synkron check",
        (
            "the organization's time zone is unknown",
            "the schedule is invalid",
            BAD_ZONE,
            BAD_SCHEDULE,
            "{rows} rows checked: 2 can't run",
        ),
        true="select count(*) as rows from organization_integrations",
        code=3,
    ),
    Question(
        OPERATOR,
        "What is wrong with the schedule of Berg Bygg?",
        'synkron explain "99 2 * * *"',
        ("minute '99'", "minute is 0-59"),
        code=2,
    ),
    Question(
        OPERATOR,
        "What does the schedule of our weekday exports mean?",
        'synkron explain "0 5 * * 1-5" --zone Europe/Oslo --at 2026-05-22',
        ("At 05:00 on Monday to Friday.", "Fri 2026-05-22 05:00", "Mon 2026-05-25 05:00"),
    ),
    Question(
        OPERATOR,
        "What fires next?",
        "synkron next",
        ("2026-05-22 05:30 {name} xledger */30 * * * *",),
        true="select name from organizations join organization_integrations on org_id = organizations.id "
        "where cron_schedule = '*/30 * * * *'",
    ),
    Question(
        OPERATOR,
        "What comes at two o'clock tonight?",
        "synkron due --at 02:00",
        (
            '"02:00" is Sat 2026-05-23 02:00 Europe/Oslo (Sat 2026-05-23 00:00 UTC)',
            "of {due}, as many as fit",
            "2 rows",
        ),
        true="select count(*) as due from organization_integrations join organizations on organizations.id = org_id "
        "where is_enabled and (cron_schedule = '*/30 * * * *' or cron_schedule = '0 2 * * *' "
        "and timezone in ('Europe/Oslo', 'Europe/Stockholm'))",
    ),
    Question(
        OPERATOR,
        "Who is at work?",
        "synkron nodes",
        ("{name} {role}",),
        true="select name, role from synkron.nodes",
        rows=r"^ops-",
    ),
]
THE_MORNING = [
    Question(
        OPERATOR,
        "Is all well?",
        "synkron status",
        (
            "4 things need a person",
            "dynamics of Berg Drift: 2 runs failed for good",
            "0 late, {failing} failed with no success since",
            "{running} running",
            "1 pause, {held} integrations on hold",
            "0 missed, 0 doubled",
        ),
        true="select count(*) filter (where state = 'failed') as failing, "
        "count(*) filter (where state = 'running') as running, (select count(*) from synkron.held) as held "
        "from synkron.runs",
        code=3,
    ),
    Question(
        OPERATOR,
        "What is wrong now?",
        "synkron incidents",
        ("dynamics of Berg Drift: 2 runs failed", "1 occurrence of 1 organization expired", BAD_ZONE, BAD_SCHEDULE),
        true="select id from synkron.incidents where closed_at is null",
        rows=r"^ *\d+  .* open$",
    ),
    Question(
        OPERATOR,
        "What do I do about Berg Drift?",
        "synkron incidents show NUMBER",
        ("dynamics of Berg Drift: 2 runs failed for good", "HTTP 403: this user may not read the company"),
        of="select id from synkron.incidents where kind = 'run_failed'",
    ),
    Question(
        OPERATOR,
        "Did the scheduler stop in the night?",
        "synkron incidents --all --kind tick_gap",
        ("No scheduler ticked for 2 hours", "2026-05-21 20:39", "closed"),
    ),
    Question(
        OPERATOR,
        "Did everything run that should have?",
        "synkron verify",
        (
            "0 missed, 0 doubled, 0 late, 0 unexplained",
            "{skipped} skipped, {expired} expired, {held} held",
            "{failed} failed after the last attempt",
        ),
        true="select count(*) filter (where action = 'skip') as skipped, "
        "count(*) filter (where action = 'expire') as expired, "
        "count(*) filter (where state = 'failed') as failed, (select count(*) from synkron.held) as held "
        "from synkron.runs",
    ),
    Question(
        OPERATOR,
        "Which runs failed?",
        "synkron runs --state failed",
        ("{id} {at} {name} {integration_type} failed",),
        true=_runs("state = 'failed'"),
        rows=_RUN_LINE,
    ),
    Question(
        OPERATOR,
        "What is running at this moment?",
        "synkron runs --state running",
        ("{id} {at} " + RUNNING + " {integration_type} running",),
        true=_runs("state = 'running'"),
        rows=_RUN_LINE,
    ),
    Question(
        OPERATOR,
        "What ran last?",
        "synkron runs",
        ("{id} {at}",),
        true="select * from (" + _runs("true") + " desc, runs.id desc limit 12) newest",
    ),
    Question(
        OPERATOR,
        "Was anything late, and where was the time lost?",
        "synkron drift",
        ("start {started}", "70 min", "tick", "Islyng Drift"),
        true="select count(*) as started from synkron.runs where integration_type = 'xledger' "
        "and source in ('schedule', 'catch_up') and started_at is not null",
    ),
    Question(OPERATOR, "What is paused?", "synkron pauses", ("type bufdir", "until resumed", "kari@ops-1")),
    Question(
        OPERATOR,
        "What happens if I end the pause?",
        "synkron resume --type bufdir --dry-run",
        ("pause 1 by kari@ops-1", "{held} integrations, {held} occurrences"),
        true="select count(*) as held from synkron.held where reason = 'pause'",
    ),
    Question(
        OPERATOR,
        "Who changed what yesterday?",
        "synkron audit --since yesterday",
        ("kari@ops-1: pause type", "Bufdir moves", "kari@ops-1: override", "kari@ops-1: backfill"),
        true="select id from synkron.audit",
        rows=r"^2026-05-21 18:",
    ),
    Question(
        OPERATOR,
        "Are the vendors well?",
        "synkron health",
        ("{endpoint}", "healthy"),
        true="select integration_types[1] as endpoint from synkron.health",
        rows=r"^\w+ +healthy",
    ),
    Question(
        OPERATOR,
        "Which integrations have rules of their own?",
        "synkron overrides",
        ("catch_up {catch_up}",),
        true="select catch_up from synkron.overrides",
    ),
    Question(
        SUPPORT,
        "Berg Drift is on the phone: did their Dynamics run?",
        'synkron runs --org "berg drift" --type dynamics',
        ("{id} {at} Berg Drift dynamics failed",),
        true=_runs(_REFUSED_RUNS),
        rows=_RUN_LINE,
    ),
    Question(
        SUPPORT,
        "Why did it not run at 02:04?",
        'synkron why --org "berg drift" --type dynamics --at 02:04',
        ("run {id}", "failed after one attempt", "{error}", "`synkron runs retry {id}`"),
        true=_runs(f"{_REFUSED_RUNS} and scheduled_for = '2026-05-22T00:04Z'"),
    ),
    Question(
        SUPPORT,
        "They have given us access again: can it be run?",
        "synkron runs retry NUMBER --dry-run",
        ("Retry run {id}", "2026-05-22 03:04", "{error}"),
        true=_runs(f"{_REFUSED_RUNS} and scheduled_for = '2026-05-22T03:04Z'"),
        of=_numbered(_REFUSED_RUNS),
    ),
    Question(
        SUPPORT,
        "Somebody from Nordavind calls. Which one?",
        "synkron runs --org nordavind",
        ("fits several organizations", "{id} {name}"),
        true="select id, name from organizations where name like 'Nordavind%'",
        rows=r"^  [0-9a-f]{8}-",
        code=2,
    ),
    Question(
        SUPPORT,
        "All I have is an id, as Dynamics writes it.",
        f"synkron runs --org {org_id(BACKFILLED).upper()}",
        ("{id} {at} Nordavind Sk",),
        true=_runs(f"org_id = '{org_id(BACKFILLED)}'"),
        rows=_RUN_LINE,
    ),
    Question(
        SUPPORT,
        "When does Nordavind Skoler run next?",
        'synkron next --org "nordavind skoler"',
        ("Nothing fires in the next 24 hours", "2026-05-25 03:00 Nordavind Skoler xledger 0 5 * * 1-5 Europe/Oslo"),
    ),
    Question(
        SUPPORT,
        "Why is nothing there from Havblikk Drift at 23:00?",
        'synkron why --org "havblikk drift" --type xledger --at 23:00',
        ("no scheduler ticked between 20:39:30 and 22:10", "catch-up is skip", "synkron backfill"),
        true=_runs(f"org_id = '{org_id(_SKIPPED)}' and scheduled_for = '2026-05-21T21:00Z' and action = 'skip'"),
    ),
    Question(
        SUPPORT,
        "And from Bjørkelia Drift?",
        'synkron why --org "bjørkelia drift" --type xledger --at 23:00',
        ("merged into run {id} (22:00)", "succeeded on the first attempt"),
        true=_runs(f"org_id = '{org_id(_MERGED)}' and scheduled_for = '2026-05-21T22:00Z' and source = 'catch_up'"),
    ),
    Question(
        SUPPORT,
        "Berg Barnehager misses its Bufdir export.",
        'synkron why --org "berg barnehager" --type bufdir --at 03:30',
        ("on hold", "paused by kari@ops-1", "Bufdir moves its service", "`synkron resume --number 1`"),
    ),
    Question(
        SUPPORT,
        "Åsen Fiskeri has had nothing at all.",
        'synkron why --org "åsen fiskeri" --type xledger',
        ("Europe/Olso", "not a known zone"),
    ),
    Question(
        SUPPORT,
        "Solvik Drift's export of 02:00 was slow. What happened?",
        "synkron runs show NUMBER",
        ("HTTP 503: busy", "succeeded"),
        of=_numbered(f"org_id = '{org_id(RETRIED)}' and attempt = 3"),
    ),
    Question(
        SUPPORT,
        "Is everything of Xledger there? (mistyped)",
        "synkron runs --type xledgr",
        ('no integration type "xledgr"', "xledger"),
        code=4,
    ),
    Question(
        FINANCE,
        "Did last night's export run?",
        "synkron report",
        ("{kind}: {exported} of {due} exported",),
        true=EXPORTED,
    ),
    Question(
        FINANCE,
        "Did it run for Berg Drift?",
        'synkron report --org "berg drift"',
        ("dynamics: 0 of 2 exported", "HTTP 403", "xledger: {done} of {due} exported"),
        true="select count(*) as due, count(*) filter (where state = 'succeeded' or action = 'merge') as done "
        f"from synkron.runs where org_id = '{org_id(REFUSED)}' and integration_type = 'xledger'",
    ),
    Question(
        FINANCE,
        "Which time of Kvitfjell Drift is not covered, and why?",
        'synkron report --org "kvitfjell drift" --type xledger',
        ("22:30 - 23:00", "expired"),
    ),
    Question(
        FINANCE,
        "Can I have the night in a spreadsheet?",
        "synkron report --csv > night.csv",
        ("{name}",),
        true="select distinct name from synkron.runs join organizations on organizations.id::text = org_id "
        "where scheduled_for > '2026-05-21T16:00Z'",
    ),
    Question(
        FINANCE,
        "What of this month is exported?",
        "synkron report --month this",
        ("Exports of May 2026", "dynamics: 41 of 43 exported", "bufdir: 0 of 20", "xledger: {done} of {due}"),
        true="select count(*) as due, count(*) filter (where state = 'succeeded' or action = 'merge') as done "
        "from synkron.runs where integration_type = 'xledger'",
    ),
    Question(
        FINANCE,
        "Were the days that Nordavind Skoler lacked exported later?",
        'synkron runs --org "nordavind skoler" --since 2026-05-18',
        ("{id} {at}", "backfilled"),
        true=_runs(f"org_id = '{org_id(BACKFILLED)}'"),
        rows=_RUN_LINE,
    ),
    Question(
        FINANCE,
        "Can the hours that Havblikk Drift lost be exported?",
        'synkron backfill --org "havblikk drift" --type xledger --from "yesterday 22:30" --to 00:30 --dry-run',
        ("{skipped} of 4 occurrences would run",),
        true=f"select count(*) as skipped from synkron.runs where org_id = '{org_id(SKIPS)}' and action = 'skip'",
    ),
]
QUESTIONS = [*THE_FIRST_HOUR, *THE_MORNING]
