"""A page in Norwegian marks what is said in English, for those who hear the page."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.conftest import Connection
from tests.service.api.cast import Member
from tests.support.api import Api
from tests.support.fleet import add_integration

EMPTY = {"meta", "link", "input", "br", "use", "rect", "path", "circle", "line", "img", "hr"}
NORWEGIAN = {"Accept": "text/html", "Accept-Language": "nb"}


class Spoken(HTMLParser):
    """The texts of a page by the language that they are marked as."""

    def __init__(self) -> None:
        super().__init__()
        self.languages = [""]
        self.texts: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in EMPTY:
            self.languages.append(dict(attrs).get("lang") or self.languages[-1])

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            self.languages.pop()

    def handle_data(self, data: str) -> None:
        self.texts[self.languages[-1]] = self.texts.get(self.languages[-1], "") + data


async def test_what_is_english_is_marked(api: Api, connection: Connection, cast: list[Member]) -> None:
    one = cast[0]
    await connection.execute("update synkron.incidents set title = 'It failed', remedy = 'Mend it'")
    error = f"secret of {one.name[:9]}"
    invalid = await add_integration(connection, "99 * * * *", org_id=one.org_id)
    for path, *english in (
        ("/runs", error),
        (f"/runs/{one.run_id}", error, "on time"),
        ("/incidents", "It failed"),
        (f"/incidents/{one.incident_id}", "It failed", "Mend it"),
        (f"/o/{one.org_id}", "It failed"),
        (f"/integrations/{one.integrations[0]}?at=2026-01-01T04:00", error, "Currently, the row"),
        (f"/integrations/{invalid}", "minute '99' at column 1"),
        ("/setup", "These settings have no target"),
        ("/runs/999999", "There is no run 999999."),
    ):
        spoken = Spoken()
        spoken.feed((await api.get(path, headers=NORWEGIAN)).text)
        assert set(spoken.texts) >= {"nb", "en"}, path
        for text in english:
            assert (text in spoken.texts["en"], text in spoken.texts["nb"]) == (True, False), (path, text)
        noted = "Meldingene her er på engelsk" in spoken.texts["nb"]
        assert noted == (path in ("/setup", "/runs/999999")), path


async def test_an_overview_says_in_few_words_what_keeps_a_row_from_running(
    api: Api, connection: Connection, cast: list[Member]
) -> None:
    org_id = cast[0].org_id
    await add_integration(connection, "99 * * * *", org_id=org_id)
    await add_integration(connection, "0 3 * * *", "abc", org_id=org_id)
    await add_integration(connection, "0 3 * * *", "abc", org_id=org_id, enabled=False)
    for language, words in (("en", ("Invalid schedule", "Unknown type")), ("nb", ("Ugyldig tidsplan", "Ukjent type"))):
        shown = (await api.get(f"/o/{org_id}", headers=NORWEGIAN | {"Accept-Language": language})).text
        assert [shown.count(f">{one}<") for one in words] == [1, 1]
        assert "not a known integration type" not in shown  # its own page has the sentence
