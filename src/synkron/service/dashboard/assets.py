"""What pages load: the style sheet and the scripts, at addresses that change with their content."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from synkron.service.api.problem import Problem

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
YEAR = 365 * 24 * 60 * 60

router = APIRouter(include_in_schema=False)


@cache
def contents() -> dict[str, bytes]:
    """The files by name."""
    folder = files("synkron").joinpath("service/dashboard/static")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in TYPES}


@cache
def version() -> str:
    """Changes with any of the files. Scripts import each other by relative addresses, so they share one."""
    return sha256(b"".join(name.encode() + content for name, content in sorted(contents().items()))).hexdigest()[:12]


def address_of(name: str) -> str:
    """Where a page finds the file."""
    return f"/static/{version()}/{name}"


@router.get("/static/{asked}/{name}")
async def static(asked: str, name: str) -> Response:
    """One file. Where its version is the one that is here, it may be kept for ever."""
    content = contents().get(name)
    if content is None:
        raise Problem(404, "Not Found")
    kept = f"public, max-age={YEAR}, immutable" if asked == version() else "no-cache"
    return Response(content, headers={"Cache-Control": kept}, media_type=TYPES[name.rpartition(".")[2]])
