"""Rows of the audit that somebody wrote by SQL: shown in plain words by the command, the API and the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from synkron.operations.access import sessions
from synkron.operations.access.actor import Permission
from tests.conftest import Connection
from tests.support.api import Api
from tests.support.commands import synkron
from tests.support.databases import Database

DEEP = "[" * 3000 + "1" + "]" * 3000
SHAPES = (
    "null", "true", "7", "-0.5", "1e300", "1e5000", '"text"', '""', '"a\\u001b[2J\\r\\nb"', "[]", "[1, [2, {}]]", "{}",
    '[{"run": 1}]', '{"": ""}', '{"": null, " ": {}}', '{"runs": 7}', '{"runs": [7]}', '{"runs": [{"run": [1]}]}',
    '{"runs": [{"state": {}}, null]}', '{"org_id": {"a": [1]}}', '{"org_id": null}', '{"org_id": ["x"]}',
    '{"reason": ["a", {"b": null}]}', '{"until": 1e400}', '{"<b>\\n": "<script>"}', '{"a b_c": {"d_e": {"f": [[]]}}}',
    '{"key": "2026-11-23T02:00:00Z"}', '{"pause": false, "from": true}', DEEP, '{"reason": ' + DEEP + "}",
    '{"reason": "' + "x" * 100_000 + '"}', '{"' + "n" * 9000 + '": 1}', '{"a": ' * 2500 + "1" + "}" * 2500,
)  # fmt: skip
TEXTS = ("", " ", "\u202e", "a\x1b[2J\r\nb", "<b>", ":", "person:", "x" * 5000)


async def shown(api: Api, session: str, database: Database, folder: Path) -> list[str]:
    """What the API, the page and the command show of all that is there."""
    answers = [await api.get("/v1/audit?limit=1000")]
    for language in ("en", "nb"):
        headers = {"Accept": "text/html", "Accept-Language": language, "Cookie": f"synkron-session={session}"}
        answers.append(await api.with_token(None).get("/audit", headers=headers))
    assert [one.status for one in answers] == [200, 200, 200], [one.text[:600] for one in answers]
    texts = [one.text for one in answers]
    for options in ([], ["--json"]):
        ended = await synkron(database.url, "audit", "--limit", "1000", *options, folder=folder)
        assert (ended.returncode, "Synkron itself" in ended.stderr) == (0, False), ended.stderr
        texts.append(ended.stdout)
    return texts


@pytest.mark.usefixtures("untouched_logging")
async def test_whatever_json_a_row_has(api: Api, database: Database, connection: Connection, tmp_path: Path) -> None:
    found = await sessions.log_in_by_oidc(connection, "kari", Permission.ADMIN, None)
    assert found is not None
    for before in SHAPES:
        await connection.execute("truncate synkron.audit")
        for after in (None, before, "{}", '{"reason": "why"}'):
            rows = [(before, after), (after, before)]
            await connection.executemany(
                "insert into synkron.audit (author, action, subject, before, after) "
                "values ('mallory', 'pause', 'run 7', $1, $2)",
                rows,
            )
        texts = await shown(api, found[1], database, tmp_path)
        assert all("mallory" in text for text in texts), before[:80]


@pytest.mark.usefixtures("untouched_logging")
async def test_whatever_texts_a_row_has(api: Api, database: Database, connection: Connection, tmp_path: Path) -> None:
    found = await sessions.log_in_by_oidc(connection, "kari", Permission.ADMIN, None)
    assert found is not None
    for text in TEXTS:
        await connection.execute(
            "insert into synkron.audit (author, action, subject, org_id, integration_type, integration_id) "
            "values ($1, $1, $1, $1, $1, $1), ('mallory', 'x', 'run ' || $1, null, $1, null)",
            text,
        )
    await shown(api, found[1], database, tmp_path)


async def test_what_is_no_object_has_a_name(api: Api, connection: Connection) -> None:
    for text, told in (("[1]", [1]), ('"x"', "x"), ("0", 0), ("false", False), (DEEP, "[" * 999 + "…")):
        await connection.execute(
            "insert into synkron.audit (author, action, subject, after) values ('m', 'x', 'y', $1)", text
        )
        [entry] = (await api.get("/v1/audit?limit=1")).content["items"]
        assert (entry["before"], entry["after"]) == (None, {"recorded": told})
