"""Who is tied to an organization is sent nothing of others, on no page. A browser asks for nothing but these pages."""

from __future__ import annotations

from synkron.operations.access.actor import Permission
from tests.conftest import Connection
from tests.dashboard.test_pages import paths
from tests.dashboard.test_reports import PAGES
from tests.service.api.cast import Member
from tests.support.api import Api, token_of

PAGE = {"Accept": "text/html"}


async def test_who_is_tied_sees_their_organization_alone(api: Api, connection: Connection, cast: list[Member]) -> None:
    mine, *others = cast
    tied = api.with_token(await token_of(connection, Permission.OPERATE, mine.org_id))
    for path in paths(mine):
        answer = await tied.get(path, headers=PAGE)
        assert answer.status == 200, path
        assert told_of(others, answer.text) == [], path
    first = await tied.get("/", headers=PAGE, allow_redirects=False)
    assert first.headers["Location"].endswith(f"/o/{mine.org_id}")
    for path in paths(others[0]):
        if any(str(own) in path for own in (others[0].org_id, others[0].integrations[0])):
            assert (await tied.get(path, headers=PAGE)).status == 404, path


async def test_who_is_tied_sees_the_night_of_their_own_and_the_lab(
    api: Api, connection: Connection, cast: list[Member]
) -> None:
    mine, *others = cast
    tied = api.with_token(await token_of(connection, Permission.READ, mine.org_id))
    for path in PAGES:
        answer = await tied.get(path, headers=PAGE)
        assert answer.status == (200 if path in ("/night", "/lab") else 403), path
        assert told_of(others, answer.text) == [], path


def told_of(others: list[Member], text: str) -> list[str]:
    return [mark for other in others for mark in other.marks if mark in text]
