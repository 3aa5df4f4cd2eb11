"""`due`, `next` and `check` on a fixed cast of rows, three of which nobody can fire and two of which nobody should."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.statements import execute

FJORD, VIK, NOWHERE = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
CAST = {
    # last digits of the id: (organization, type, enabled, schedule)
    "a1": (FJORD, "xledger", True, "0 2 * * *"),
    "a2": (FJORD, "dynamics", True, "*/10 * * * *"),
    "a3": (FJORD, "bufdir", False, "* * * * *"),
    "a4": (FJORD, "bufdir", True, None),
    "b1": (VIK, "xledger", True, "0 2 * * *"),
    "b2": (VIK, "dynamics", True, "99 * * * *"),
    "b3": (VIK, "fiken", True, "0 2 * * *"),
    "b4": (VIK, "bufdir", False, "0 0 2 * * *"),
    "c1": (NOWHERE, "xledger", True, "0 2 * * *"),
}


@pytest.fixture
def cast(database: Database) -> None:
    """Fjord is in Oslo, Vik in UTC, and the third is in a zone that does not exist."""
    rows = [
        f"insert into organization_integrations values ('{_id(end)}', '{org}', '{kind}', {enabled}, "
        + (f"'{schedule}')" if schedule else "null)")
        for end, (org, kind, enabled, schedule) in CAST.items()
    ]
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Europe/Oslo'), ('{VIK}', 'V\x1b[1mik [red]', null), "
        f"('{NOWHERE}', 'Nowhere', 'Europe/Atlantis')",
        *rows,
    )


@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize(
    ("at", "fire"),
    [
        ("2026-11-30T02:00Z", ["a2", "b1"]),
        ("2026-11-30T02:00+01:00", ["a1", "a2"]),
        ("2026-11-30T02:00:30Z", ["a2", "b1"]),
        ("2026-11-30T02:00:31Z", []),
    ],
)
def test_due(on_database: Command, at: str, fire: list[str]) -> None:
    ended = on_database("due", "--at", at, "--json")
    assert ended.code == 0
    assert [one["integration_id"] for one in ended.answer] == [_id(end) for end in fire]
    table = on_database("due", "--at", at)
    assert table.code == 0
    assert [line.split()[-1] for line in table.out.splitlines()[1:]] == [_id(end) for end in fire]
    if not fire:
        assert "Nothing is due." in table.err


@pytest.mark.usefixtures("cast")
def test_due_in_json_is_typed_as_documented(on_database: Command) -> None:
    assert on_database("due", "--at", "2026-11-30T02:00Z", "--json").answer[1] == {
        "org_id": VIK,
        "org_name": "V\x1b[1mik [red]",
        "integration_id": _id("b1"),
        "integration_type": "xledger",
        "scheduled_for": "2026-11-30T02:00:00Z",
    }


@pytest.mark.usefixtures("cast")
def test_due_tells_of_rows_that_it_left_out(on_database: Command) -> None:
    ended = on_database("due", "--at", "2026-11-30T02:00Z")
    assert ended.err == "Left out, as they can't run: 3 rows. `synkron check` names them.\n"


@pytest.mark.usefixtures("cast")
def test_due_of_an_organization_says_nothing_of_the_rows_of_others(on_database: Command) -> None:
    ended = on_database("due", "--at", "2026-11-30T02:00Z", "--org", FJORD)
    assert (ended.code, ended.err) == (0, "")
    assert "Fjord" in ended.out


@pytest.mark.usefixtures("cast")
def test_next_is_in_the_order_of_time_over_all_organizations(on_database: Command) -> None:
    ended = on_database("next", "--hours", "48", "--limit", "1000", "--json")
    assert (ended.code, ended.err) == (0, "")
    moments = [datetime.fromisoformat(one["scheduled_for"]) for one in ended.answer]
    assert moments == sorted(moments)
    assert moments[-1] - moments[0] < timedelta(hours=48)
    counted = {end: sum(one["integration_id"] == _id(end) for one in ended.answer) for end in CAST}
    nights_in_oslo = counted.pop("a1")
    assert 1 <= nights_in_oslo <= 3  # two, but for the nights in which the clocks change
    assert counted == {"a2": 288, "b1": 2} | dict.fromkeys(["a3", "a4", "b2", "b3", "b4", "c1"], 0)
    assert next(one for one in ended.answer if one["integration_id"] == _id("a1")) | {"scheduled_for": None} == {
        "scheduled_for": None,
        "org_id": FJORD,
        "org_name": "Fjord",
        "integration_id": _id("a1"),
        "integration_type": "xledger",
        "cron_schedule": "0 2 * * *",
        "timezone": "Europe/Oslo",
    }


@pytest.mark.usefixtures("cast")
def test_next_says_where_it_is_cut(on_database: Command) -> None:
    ended = on_database("next", "--limit", "3")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1 + 3
    assert "Cut after 3" in ended.err
    assert "Cut" not in on_database("next", "--org", VIK).err


@pytest.mark.usefixtures("cast")
def test_next_tells_of_rows_that_can_t_run_where_nothing_fires(on_database: Command) -> None:
    """Otherwise an organization whose zone is invalid would look as if all were well."""
    nowhere = on_database("next", "--org", NOWHERE)
    assert (nowhere.code, nowhere.out) == (0, "")
    assert nowhere.err.splitlines() == [
        "Nothing fires in the next 24 hours.",
        "1 row can't run: `synkron check` says why.",
    ]
    assert "can't run" not in on_database("next", "--org", FJORD).err


@pytest.mark.usefixtures("cast")
def test_next_of_one_organization(on_database: Command) -> None:
    assert [one["integration_id"] for one in on_database("next", "--org", VIK, "--json").answer] == [_id("b1")]


@pytest.mark.usefixtures("cast")
def test_check_finds_every_row_at_fault(on_database: Command) -> None:
    ended = on_database("check", "--json")
    assert ended.code == 3
    answer = ended.answer
    assert (answer["rows"], answer["invalid"]) == (len(CAST), 3)
    found = [(one["level"], one["rule"], one["integration_id"]) for one in answer["findings"]]
    assert found[:3] == [("invalid", None, _id(end)) for end in ("b2", "b3", "c1")]
    assert ("warning", None, _id("b4")) in found
    assert ("warning", "W4", _id("a1")) in found
    assert answer["warnings"] == len(found) - 3
    assert "9 rows checked: 3 can't run" in ended.err


@pytest.mark.usefixtures("cast")
def test_check_and_the_doctor_count_the_same(on_database: Command, database: Database) -> None:
    """One row has two warnings, and one is closer than its vendor expects."""
    execute(
        database.url,
        "update organization_integrations set is_enabled = true where cron_schedule = '* * * * *';"
        "update organization_integrations set cron_schedule = '*/29 * * * *' where cron_schedule = '0 0 2 * * *'",
    )
    ended = on_database("check", "--json")
    invalid, warnings, warned = (ended.answer[key] for key in ("invalid", "warnings", "rows_with_warnings"))
    told = [one["integration_id"] for one in ended.answer["findings"] if one["level"] == "warning"]
    assert (len(told), len(set(told))) == (warnings, warned)
    assert warnings > warned > 1
    assert f"9 rows checked: {invalid} can't run, {warnings} warnings about {warned} rows." in ended.err
    [rows] = [one for one in on_database("doctor", "--json").answer["checks"] if one["check"] == "rows"][:1]
    assert rows["why"] == f"{invalid} of 9 rows can't run, and {warnings} warnings about {warned} rows."


@pytest.mark.usefixtures("cast")
def test_check_names_the_row_in_what_a_narrow_terminal_shows_too(on_database: Command) -> None:
    assert f"integration {_id('b2')}: cron_schedule" in on_database("check", "--details").out


@pytest.mark.usefixtures("cast")
def test_check_has_a_line_for_each_kind_the_worst_first(on_database: Command, database: Database) -> None:
    execute(
        database.url,
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        f"select '{FJORD}', 'xledger', '30 2 * * *' from generate_series(1, 200)",
    )
    ended = on_database("check")
    heading, *lines = ended.out.splitlines()
    assert heading.split() == ["level", "rows", "finding", "for", "example"]
    assert [line.split()[:2] for line in lines] == [
        *[["invalid", "1"]] * 3,
        ["warning", "201"],
        ["warning", "1"],
    ]
    assert "W4: a coming change of clocks is in its way" in lines[3]
    assert "Fjord, xledger: the clocks of Europe/Oslo" in lines[3]
    assert "`synkron check --details` shows every finding, with its row." in ended.err
    kinds = on_database("check", "--json").answer["kinds"]
    assert [(one["kind"], one["rows"]) for one in kinds[3:]] == [("W4", 201), ("disabled", 1)]
    assert kinds[0]["example"]["integration_id"] in {_id("b2"), _id("b3"), _id("c1")}


@pytest.mark.usefixtures("cast")
def test_check_warns_of_coming_changes_of_clocks_only(on_database: Command) -> None:
    today = datetime.now(UTC).date()  # noqa: TID251 (the database's clock is this host's)
    messages = [one["message"] for one in on_database("check", "--json").answer["findings"] if one["rule"] == "W4"]
    days = [date.fromisoformat(found) for message in messages for found in re.findall(r"\d{4}-\d\d-\d\d", message)]
    assert len(days) == 2
    assert all(today - timedelta(days=1) <= day <= today + timedelta(days=366) for day in days)


def test_check_warns_of_a_schedule_that_is_closer_than_its_vendor_expects(
    on_database: Command, database: Database
) -> None:
    schedules = {
        ("xledger", "*/15 * * * *"): False,
        ("xledger", "0,50 * * * *"): True,
        ("xledger", "0,10 5 1 1 *"): True,
        ("dynamics", "* * * * *"): True,
        ("bufdir", "0 2 * * *"): False,
        ("bufdir", "0 2,3 * * 1"): True,
    }
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'UTC')",
        *(
            "insert into organization_integrations (org_id, integration_type, cron_schedule) "
            f"values ('{FJORD}', '{kind}', '{text}')"
            for kind, text in schedules
        ),
    )
    ended = on_database("check", "--json")
    assert ended.code == 0
    found = {(one["integration_type"], one["cron_schedule"]): one["message"] for one in ended.answer["findings"]}
    assert set(found) == {key for key, is_closer in schedules.items() if is_closer}
    assert found["xledger", "0,50 * * * *"] == (
        "two of its moments are only 10m apart; the vendor of xledger expects 15m or more between two syncs"
    )
    assert "warning     4  it fires more often than its vendor expects" in on_database("check").out


def test_check_warns_of_a_pace_below_the_load(
    on_database: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'UTC')",
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        f"select '{FJORD}', 'dynamics', '*/5 * * * *' from generate_series(1, 10)",
    )
    monkeypatch.setenv("SYNKRON_TYPES__DYNAMICS__PACE", "2")
    assert on_database("check", "--json").answer["pace_below_load"] == []
    monkeypatch.setenv("SYNKRON_TYPES__DYNAMICS__PACE", "1")
    assert "warning: dynamics: the pace is below the load: 2,880 fire" in on_database("check").err


@pytest.mark.usefixtures("cast")
def test_check_says_of_which_types_the_runs_will_be_skipped(on_database: Command, database: Database) -> None:
    ended = on_database("check", "--json")
    assert ended.answer["types_without_target"] == ["xledger", "dynamics"]
    assert "warning: no target for xledger, dynamics in these settings: a worker that uses them skips such" in ended.err
    execute(database.url, "update organization_integrations set is_enabled = false")
    ended = on_database("check", "--json")
    assert ended.answer["types_without_target"] == []
    assert "no target" not in ended.err


@pytest.mark.usefixtures("cast")
def test_check_as_a_table_shows_text_and_nothing_that_steers_the_terminal(on_database: Command) -> None:
    ended = on_database("check", "--details")
    assert ended.code == 3
    assert r"V\x1b[1mik [red]" in ended.out
    assert "\x1b" not in ended.out
    assert "minute is 0-59" in ended.out
    assert '"fiken" is not a known integration type' in ended.out
    assert "Europe/Atlantis" in ended.out


@pytest.mark.usefixtures("cast")
def test_warnings_alone_are_no_failure(on_database: Command, database: Database) -> None:
    execute(database.url, "delete from organization_integrations where right(id::text, 2) in ('b2', 'b3', 'c1')")
    ended = on_database("check", "--json")
    assert ended.code == 0
    assert ended.answer["invalid"] == 0
    assert ended.answer["warnings"] > 0


def test_an_empty_table_is_in_order(on_database: Command) -> None:
    ended = on_database("check")
    assert (ended.code, ended.out) == (0, "")
    assert "0 rows checked" in ended.err


def _id(end: str) -> str:
    return f"00000000-0000-4000-9000-0000000000{end}"
