"""The commands for what programs ask the API with: token create, token list, token revoke."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, changing
from synkron.cli.context import answer, organization_names
from synkron.cli.options import AsJson, future
from synkron.cli.output import show
from synkron.cli.permissions import May, TiedTo, TokenName, may
from synkron.cli.table import Field, minute, name_and_id
from synkron.service.forms import held_by

if TYPE_CHECKING:
    from synkron.operations.access.tokens import Token
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

token = typer.Typer(no_args_is_help=True)


@token.callback()
def tokens() -> None:
    """Make, list and revoke the tokens with which programs ask the API."""


@token.command()
@changing
def create(
    name: TokenName,
    permission: May,
    org: TiedTo = None,
    expires: Annotated[
        datetime | None,
        typer.Option(parser=future, metavar="TIME", help='Until when: "in 90d", 2027-01-01.', show_default="revoked"),
    ] = None,
) -> Change[None, tuple[Token, str]]:
    """Make a token, and show its secret: once, as only its hash is kept.

    A program sends it as `Authorization: Bearer SECRET`. What it changes is in the audit as token:NAME.

    \b
    Examples:
      synkron token create grafana --permission read --yes
      synkron token create deploy --permission operate --expires "in 90d"
      synkron token create fjordlys-page --permission read --org fjordlys
    """
    from synkron.operations.access import tokens as operations

    asked = operations.AskedToken(name, permission, org, expires)

    return Change(
        plan=lambda connection, settings, now: operations.plan_create_token(connection, settings, asked, now),
        do=lambda connection, settings, author: operations.create_token(connection, settings, asked, author),
        question="Make it?",
        told=lambda _: [f"Make the token {name}: it {may(permission, org)} {_until(expires)}."],
        done=lambda _, made: [made[1]],
        json=lambda _, made: {"token": made and held_by(made[0], "token"), "secret": made and made[1]},
    )


@token.command("list")
def list_tokens(
    context: typer.Context,
    revoked: Annotated[bool, typer.Option("--revoked", help="Also those that are revoked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the tokens, the newest first, and when each was used last. No secret is shown: none is kept.

    \b
    Examples:
      synkron token list
      synkron token list --revoked --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Token], Mapping[str, str]]:
        from synkron.operations.access.tokens import tokens

        return await tokens(connection, revoked=revoked), await organization_names(connection, settings)

    found, names = answer(context, ask)
    fields = [
        Field("name", "name", wrap=True),
        Field("may", "permission"),
        Field("organization", lambda one: name_and_id(one.org_id, names) or "all", wrap=True),
        Field("made (UTC)", "created_at", optional=True),
        Field("by", "created_by", wrap=True, optional=True),
        Field("last used (UTC)", "last_used_at", lambda at: minute(at) if at else "never"),
        Field("until (UTC)", lambda one: one.revoked_at or one.expires_at, lambda at: minute(at) if at else "revoked"),
        Field("state", "state"),
    ]
    empty = "There is no token. Make one with `synkron token create NAME --permission read`."
    show(found, fields, as_json=as_json, empty=empty, noun="token", names=names)


@token.command()
@changing
def revoke(name: TokenName) -> Change[Token, Token]:
    """Revoke a token: its secret is refused from now on.

    \b
    Examples:
      synkron token revoke grafana
      synkron token revoke grafana --yes --json
    """
    from synkron.operations.access import tokens as operations

    def told(found: Token) -> Iterator[str]:
        used = f"last used at {minute(found.last_used_at)} UTC" if found.last_used_at else "never used"
        yield f"Revoke the token {name}: it {may(found.permission, found.org_id)}, and was {used}."

    return Change(
        plan=lambda connection, *_: operations.token_named(connection, name),
        do=lambda connection, _, author: operations.revoke_token(connection, name, author),
        question="Revoke it?",
        told=told,
        done=lambda _, ended: [f"The token {ended.name} is revoked."],
        json=lambda plan, ended: {"token": held_by(ended or plan, "token")},
    )


def _until(expires: datetime | None) -> str:
    return "until it is revoked" if expires is None else f"until {minute(expires)} UTC"
