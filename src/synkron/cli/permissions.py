"""The options of the commands that say who may what, and how they word it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import typer

from synkron.cli.completion import complete_organization
from synkron.cli.options import written
from synkron.cli.table import name_and_id
from synkron.operations.access.actor import Permission

LONGEST_NAME = 100
VERBS = {Permission.READ: "read", Permission.OPERATE: "operate", Permission.ADMIN: "administer"}


def _name(text: str) -> str:
    text = written(text)
    if len(text) > LONGEST_NAME:
        raise typer.BadParameter(f"a name has at most {LONGEST_NAME} characters.")
    return text


PersonName = Annotated[str, typer.Argument(parser=_name, metavar="NAME", help="The person's name.")]
TokenName = Annotated[str, typer.Argument(parser=_name, metavar="NAME", help="The token's name.")]
May = Annotated[
    Permission, typer.Option(help="What is permitted: to look; to step in as well; to say who may what as well.")
]
TiedTo = Annotated[
    str | None,
    typer.Option(
        "--org",
        parser=written,
        autocompletion=complete_organization,
        metavar="ORG",
        help="Of this organization alone: its name, a part, or its id. Nothing of others is seen.",
        show_default="all",
    ),
]


def may(permission: Permission, org_id: str | None, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """What is permitted, in words: ``may read everything``."""
    whose = "everything" if org_id is None else f"organization {name_and_id(org_id, names)}"
    return f"may {VERBS[permission]} {whose}"
