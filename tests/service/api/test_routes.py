"""The list of routes in docs/api.md is that of the document."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from synkron.service.api.application import api
from tests.house.pages import ROOT

PAGE = ROOT / "docs" / "api.md"
BETWEEN = re.compile(r"(<!-- routes: [^>]*-->\n).*(<!-- end of routes -->\n)", re.DOTALL)


def test_the_page_lists_every_route() -> None:
    written = PAGE.read_text("utf-8")
    wanted = BETWEEN.sub(lambda found: found[1] + "\n".join(table()) + "\n" + found[2], written)
    if os.environ.get("SYNKRON_WRITE_ROUTES"):
        PAGE.write_text(wanted, "utf-8")
    assert written == wanted, "SYNKRON_WRITE_ROUTES=1 writes them"


def table() -> Iterator[str]:
    """A line for each route, with the first sentence of what it says of itself."""
    yield "| route | answers |"
    yield "|---|---|"
    document = api().openapi()
    for path, methods in sorted(document["paths"].items()):
        for method, one in sorted(methods.items()):
            first = re.split(r"(?<=\.)\s", " ".join(one["description"].split()))[0].rstrip(".").replace("``", "`")
            yield f"| `{method.upper()} {path}` | {first} |"
