"""Every route of the document, by who asks: what is declared is what holds, and the page has the table.

``SYNKRON_WRITE_MATRIX=1`` writes the table into ``docs/security.md``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from synkron.operations.access.actor import Permission
from synkron.service.api.application import ROUTERS, api
from tests.conftest import Connection
from tests.house.pages import ROOT
from tests.service.api.test_foreign import NEEDED
from tests.support.api import Api, token_of
from tests.support.changes import ADMINISTRATION, CHANGES, SIGNED, Cast, Own, Table, filled

PAGE = ROOT / "docs" / "security.md"
BEGIN = "<!-- routes: written by tests/service/api/changes/test_matrix.py -->"
END = "<!-- end of the routes -->"
ASKERS = ("nobody", "read", "operate", "admin", "own, read", "own, operate", "other's")
CHANNELS: Table = {"test": ("test channel", lambda *_: ("channels/test", {}))}
READY = (200, 503)


@dataclass(frozen=True)
class Asked:
    """A route, what it declares, and a request for what an organization has."""

    method: str
    route: str
    permission: Permission | None
    fleet: bool
    path: str
    body: Any
    names: bool

    def expected(self, who: str) -> tuple[int, ...]:
        """The statuses that follow from what the route declares."""
        if self.permission is None:
            return (401,) if self.route in SIGNED else READY
        if who == "nobody":
            return (401,)
        has = Permission.OPERATE if who == "other's" else Permission(who.rpartition(" ")[2])
        if not has.includes(self.permission) or (self.fleet and who not in tuple(Permission)):
            return (403,)
        return (404,) if who == "other's" and self.names else (200,)


async def test_what_a_route_declares_is_what_holds(operator: Api, connection: Connection, cast: Cast) -> None:
    clients = {"nobody": operator.with_token(None), "operate": operator}
    for who, permission, org_id in (
        ("read", Permission.READ, None),
        ("admin", Permission.ADMIN, None),
        ("own, read", Permission.READ, cast.fjord.org_id),
        ("own, operate", Permission.OPERATE, cast.fjord.org_id),
        ("other's", Permission.OPERATE, cast.vik.org_id),
    ):
        clients[who] = operator.with_token(await token_of(connection, permission, org_id))
    lines = []
    for one in requests_of(cast):
        found = {}
        for who in ASKERS:
            answer = await clients[who].ask(one.method, one.path, **({} if one.body is None else {"json": one.body}))
            found[who] = answer.status
            assert answer.status in one.expected(who), (one.method, one.route, who, answer.content)
        lines.append(line(one, found))
    write_or_compare("\n".join([*HEAD, *sorted(lines)]))


HEAD = [f"| route | needs | {' | '.join(ASKERS)} |", "|---" * (len(ASKERS) + 2) + "|"]


def line(one: Asked, found: Mapping[str, int]) -> str:
    needs = "a signature" if one.route in SIGNED else "nothing"
    if one.permission is not None:
        needs = f"{one.permission}, of all" if one.fleet else str(one.permission)
    statuses = [str(found[who]) for who in ASKERS]
    return f"| `{one.method} {one.route}` | {needs} | {' | '.join(statuses)} |"


def write_or_compare(table: str) -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("SYNKRON_WRITE_MATRIX"):
        PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", "utf-8")
    else:
        assert written.strip() == table, "SYNKRON_WRITE_MATRIX=1 writes the table of docs/security.md again"


def requests_of(cast: Cast) -> Iterator[Asked]:
    """A request for each route of the document; a dry run of each change."""
    document = api().openapi()
    declared = {
        (method, route.path): needs(route.dependant)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    bodies = changes(cast.fjord, cast)
    for route, methods in document["paths"].items():
        for method in map(str.upper, methods):
            permission, fleet = declared[method, route]
            path, body, named = f"{filled(route, cast.fjord)}", None, "{" in route
            if method == "POST" and permission is not None:
                body, path, named = bodies.pop(path), f"{path}?dry_run=true", True
            elif query := NEEDED.get(route, [""])[-1]:
                path += "?" + query.replace("{integration_id}", cast.fjord.free)
                named |= "{integration_id}" in query
            yield Asked(method, route, permission, fleet, path, body, named)
    assert bodies == {}, "a change that the document does not know"


def changes(own: Own, cast: Cast) -> dict[str, Any]:
    """The body of each change, by its path."""
    table = CHANGES | ADMINISTRATION | CHANNELS
    return {f"/v1/{path}": body for _, asked in table.values() for path, body in [asked(own, cast.hour)]}


def needs(dependant: Dependant) -> tuple[Permission | None, bool]:
    """The highest permission that a route declares, and whether it is about all organizations."""
    found = [needs(one) for one in dependant.dependencies]
    own: tuple[Permission | None, bool] = (
        getattr(dependant.call, "permission", None),
        getattr(dependant.call, "fleet", False),
    )
    permissions, fleet = zip(own, *found, strict=True)
    return max(permissions, key=[None, *Permission].index), any(fleet)
