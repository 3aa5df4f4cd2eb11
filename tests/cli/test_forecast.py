"""`forecast`: what people see, what programs read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from synkron.cli.commands.forecast_chart import ASCII, bar
from tests.cli.conftest import Command
from tests.end_to_end.first_hour.terminal import LINES, at_the_terminal
from tests.support.databases import Database
from tests.support.statements import execute

HERD = 412


@pytest.fixture
def fleet(database: Database) -> None:
    """A herd of 412 at 02:00 UTC, two that fire every minute, two rows nobody can fire, and one that is disabled."""
    execute(
        database.url,
        "insert into organizations (id, name) values ('00000000-0000-4000-8000-000000000001', 'Fjord')",
        *(
            "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) "
            f"select '00000000-0000-4000-8000-000000000001', '{kind}', {enabled}, '{schedule}' "
            f"from generate_series(1, {count})"
            for kind, enabled, schedule, count in [
                ("xledger", True, "0 2 * * *", HERD),
                ("dynamics", True, "* * * * *", 2),
                ("bufdir", True, "99 * * * *", 2),
                ("bufdir", False, "* * * * *", 1),
            ]
        ),
    )


@pytest.mark.usefixtures("fleet")
def test_in_json_it_is_typed_as_documented(on_database: Command) -> None:
    ended = on_database("forecast", "--pace", "xledger=60", "--json")
    assert ended.code == 0
    answer = ended.answer
    assert list(answer) == ["after", "until", "left_out", "pauses", "types"]
    assert (answer["left_out"], answer["pauses"]) == (2, 0)
    dynamics, xledger = answer["types"]
    assert list(xledger) == ["integration_type", "integrations", "fires", "as_set", "proposed"]
    assert (dynamics["fires"], xledger["integrations"], xledger["fires"]) == (2880, HERD, HERD)
    [minute] = xledger["as_set"]["minutes"]
    at = minute["minute"]
    day = at.removesuffix("02:00:00Z")
    assert xledger["as_set"] == {
        "spread": "0s",
        "pace": None,
        "concurrency": 100,
        "starts": HERD,
        "later": 0,
        "waiting_at_the_end": 0,
        "peak": {"minute": f"{day}02:00:00Z", "starts": HERD},
        "most_waiting": None,
        "herds": [{"minute": at, "fires": HERD, "last_start": at}],
        "warnings": [
            {
                "kind": "above_concurrency",
                "message": f"xledger: 412 start at {day[:-1]} 02:00 and 100 may run at once, so up to 312 wait for "
                "others to end",
            }
        ],
        "minutes": [{"minute": at, "fires": HERD, "starts": HERD, "waiting": 0}],
    }


@pytest.mark.usefixtures("fleet")
def test_what_is_proposed_stands_beside_what_is_set(on_database: Command) -> None:
    """From 02:01 to 02:06 UTC the herd's own minute may be the window's last, and most of it starts later."""
    proposed = on_database("forecast", "--pace", "xledger=60", "--hours", "48", "--json").answer["types"][1]["proposed"]
    assert (proposed["pace"], proposed["peak"]["starts"]) == (60, 60)
    assert [herd["last_start"][-9:] for herd in proposed["herds"]] == ["02:06:51Z"] * 2
    first = proposed["minutes"][0]
    assert (first["fires"], first["starts"], first["waiting"]) == (HERD, 60, HERD - 60)
    spread = on_database("forecast", "--spread", "xledger=5m", "--json").answer["types"][1]["proposed"]
    assert (spread["spread"], spread["peak"]["starts"]) == ("5m", HERD / 5)
    nothing_else = on_database("forecast", "--spread", "xledger=5m", "--json").answer["types"][0]
    assert nothing_else["as_set"] == nothing_else["proposed"]


@pytest.mark.usefixtures("fleet")
def test_for_people(on_database: Command) -> None:
    ended = on_database("forecast")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert max(map(len, lines[:26])) == 80
    [herd] = [line for line in lines if line.split()[3:5] == ["414", "02:00"]]
    assert herd.endswith("█")
    assert any(line.split() == ["xledger", "02:00", "412", "02:00:00"] for line in lines)
    assert "warning: xledger: 412 start at" in ended.err
    assert "synkron forecast --spread TYPE=15m" in ended.err
    assert "can't run: 2 of the enabled rows. `synkron check` names them." in ended.err


@pytest.mark.usefixtures("fleet")
def test_for_people_with_a_proposal(on_database: Command) -> None:
    ended = on_database("forecast", "--pace", "dynamics=60", "--spread", "xledger=15m", "--pace", "xledger=1")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert max(map(len, lines[:26])) <= 80
    assert lines[0].split() == ["hour", "(UTC)", "starts", "busiest", "as", "set", "starts", "busiest", "proposed"]
    assert [line.split()[:4] for line in lines if "  proposed  " in line] == [
        ["proposed", "2,880", "0s", "60"],
        ["proposed", "412", "15m", "1"],
    ]
    assert "those to be expected" in ended.err
    assert "To see what" not in ended.err


@pytest.mark.usefixtures("fleet")
def test_a_pace_below_the_load(on_database: Command) -> None:
    Path("synkron.toml").write_text("[types.dynamics]\npace = 1\n", "utf-8")
    said = "dynamics: the pace is below the load: 2,880 fire, but at 1 a minute only 1,440 can start, and 1,440 wait"
    assert f"warning: {said}" in on_database("forecast").err
    proposed = on_database("forecast", "--pace", "dynamics=2", "--type", "dynamics", "--json")
    assert said not in proposed.err.replace(f"warning: {said}", "", 1)
    [dynamics] = proposed.answer["types"]
    assert [len(dynamics[key]["warnings"]) for key in ("as_set", "proposed")] == [1, 0]


@pytest.mark.usefixtures("fleet")
def test_no_pace_may_be_proposed(on_database: Command) -> None:
    Path("synkron.toml").write_text("[types.xledger]\npace = 60\n", "utf-8")
    xledger = on_database("forecast", "--type", "xledger", "--pace", "xledger=none", "--json").answer["types"][0]
    assert [xledger[key]["peak"]["starts"] for key in ("as_set", "proposed")] == [60, HERD]


CHARTS: list[tuple[int, int, str]] = [(1, 13, "from"), (24, 25, "hour"), (168, 29, "from"), (744, 32, "day")]


@pytest.mark.usefixtures("fleet")
def test_the_chart_fits_a_screen(on_database: Command) -> None:
    for hours, lines, title in CHARTS:
        chart, _, _ = on_database("forecast", "--hours", str(hours)).out.partition("\n\n")
        assert chart.split()[0] == title, hours
        assert lines <= len(chart.splitlines()) <= lines + 1, hours


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("options", ["", "--hours 1", "--hours 744", "--spread xledger=15m --pace dynamics=60"])
def test_on_a_terminal_it_fits_the_screen(
    on_database: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: str
) -> None:
    """With two warnings and rows that are left out. All of it is one pager away."""
    del on_database
    (tmp_path / "synkron.toml").write_text("[types.dynamics]\npace = 1\n", "utf-8")
    person = at_the_terminal(monkeypatch)
    screen = person(f"synkron forecast {options}")
    assert screen.rows < LINES
    assert "`| less`" in screen.text
    shown = [line.split()[0] for line in screen.answer.splitlines() if line]
    assert {"dynamics", "xledger", "type"} < set(shown)
    assert "#" in screen.answer
    whole = person(f"synkron forecast {options} > file")
    assert len(whole.answer.splitlines()) > len(screen.answer.splitlines())
    monkeypatch.setenv("LINES", "80")
    tall = person(f"synkron forecast {options}")
    assert len(tall.answer.splitlines()) == len(whole.answer.splitlines())
    assert "less" not in tall.text


@pytest.mark.own_database
def test_no_ledger_is_needed_and_nothing_fires(on_database: Command, database: Database) -> None:
    execute(database.url, "drop schema synkron cascade")
    ended = on_database("forecast", "--hours", "7")
    assert (ended.code, ended.out, ended.err) == (0, "", "Nothing fires in the next 7 hours.\n")
    assert on_database("forecast", "--json").answer["types"] == []


@pytest.mark.usefixtures("fleet")
def test_pauses_are_not_heeded_and_that_is_said(on_database: Command, database: Database) -> None:
    execute(database.url, "insert into synkron.pauses (reason, author) values ('maintenance', 'kari')")
    ended = on_database("forecast", "--json")
    assert ended.answer["pauses"] == 1
    assert "`synkron pauses`" in ended.err


BAD_INPUT: list[tuple[list[str], str]] = [
    (["--hours", "0"], "--hours"),
    (["--hours", "745"], "--hours"),
    (["--spread", "15m"], '"15m" is not TYPE=VALUE, such as xledger=15m'),
    (["--pace", "xledger="], '"xledger=" is not TYPE=VALUE, such as xledger=60'),
    (["--spread", "xledger=soon"], '--spread xledger=...: expected a duration such as "30s", "1m30s"'),
    (["--spread", "xledger=-5m"], "--spread xledger=...: expected a duration"),
    (["--pace", "xledger=0"], "--pace xledger=...: expected greater than or equal to 1; found '0'"),
    (["--pace", "xledger=many"], "--pace xledger=...: "),
    (["--pace", "xledger=60", "--pace", "xledger=70"], "xledger is given twice"),
    (["--pace", "xledger=60", "--pace", "xled=70"], "xledger is given twice"),
    (["--type", "xled", "--pace", "buf=60"], "only xledger is shown, and something is proposed for bufdir"),
]


def test_bad_input(on_database: Command) -> None:
    for arguments, said in BAD_INPUT:
        ended = on_database("forecast", *arguments)
        assert (ended.code, ended.out) == (2, ""), ended.err
        assert said in " ".join(ended.err.split()), arguments


@pytest.mark.parametrize("arguments", [["--type", "fiken"], ["--pace", "fiken=60"], ["--spread", "fiken=15m"]])
def test_an_unknown_type(on_database: Command, arguments: list[str]) -> None:
    ended = on_database("forecast", *arguments)
    assert (ended.code, ended.out) == (4, "")
    assert 'There is no integration type "fiken". Known are bufdir, dynamics, xledger.' in ended.err


@pytest.mark.parametrize(("share", "drawn"), [(0, ""), (1e-9, "▏"), (0.5, "████"), (0.55, "████▍"), (1, "████████")])
def test_a_bar(share: float, drawn: str) -> None:
    assert bar(share, 8) == drawn


def test_a_bar_without_blocks() -> None:
    assert [bar(share, 8, ASCII) for share in (0, 0.01, 0.5, 1)] == ["", "#", "####", "########"]
