"""The commands for who may log in: people add, list, permit, password, disable, enable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import typer

from synkron.cli.confirm import Change, changing
from synkron.cli.context import answer, organization_names
from synkron.cli.options import AsJson
from synkron.cli.output import show
from synkron.cli.passwords import asked_password
from synkron.cli.permissions import May, PersonName, TiedTo, may
from synkron.cli.table import Field, minute, name_and_id
from synkron.service.forms import held_by
from synkron.text import several

if TYPE_CHECKING:
    from synkron.operations.access.people import Person
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

people = typer.Typer(no_args_is_help=True)


@people.callback()
def _people() -> None:
    """Say who may log in to the dashboard, and what they may."""


@people.command()
@changing
def add(name: PersonName, permission: May, org: TiedTo = None) -> Change[None, Person]:
    """Let somebody log in by name and password.

    The password is asked for, and has at least 12 characters; without a terminal it is the first line of stdin.

    \b
    Examples:
      synkron people add kari --permission operate
      synkron people add fjordlys-accounts --permission read --org fjordlys
      synkron people add kari --permission read --yes < password.txt
    """
    from synkron.operations.access import people as operations

    asked = operations.AskedPerson(name, permission, org)
    return Change(
        plan=lambda connection, settings, _: operations.plan_add_person(connection, settings, asked),
        do=lambda connection, settings, author: operations.add_person(
            connection, settings, asked, asked_password(), author
        ),
        question="Let them log in?",
        told=lambda _: [f"Let {name} log in by a password: they {may(permission, org)} then."],
        done=lambda _, made: [f"{name} may log in, and {may(made.permission, made.org_id)}."],
        json=lambda _, made: {"person": made and held_by(made)},
    )


@people.command("list")
def list_people(context: typer.Context, as_json: AsJson = False) -> None:
    """Show who may log in, what they may, and when they last did.

    Who logs in with the identity provider is here from their first login on. Who logs in by a link of `synkron login`
    is not.

    \b
    Examples:
      synkron people list
      synkron people list --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Person], Mapping[str, str]]:
        from synkron.operations.access.people import people

        return await people(connection), await organization_names(connection, settings)

    found, names = answer(context, ask)
    fields = [
        Field("name", "name", wrap=True),
        Field("may", "permission"),
        Field("organization", lambda one: name_and_id(one.org_id, names) or "all", wrap=True),
        Field("logs in by", "is_of_provider", lambda is_so: "provider" if is_so else "password"),
        Field("last login (UTC)", "last_login_at", lambda at: minute(at) if at else "never"),
        Field("sessions", "sessions", right=True),
        Field("state", "disabled_by", lambda by: f"disabled by {by}" if by else "active", wrap=True),
    ]
    empty = "There is nobody. Let somebody log in with `synkron people add NAME --permission read`."
    show(found, fields, as_json=as_json, empty=empty, names=names)


@people.command()
@changing
def permit(name: PersonName, permission: May, org: TiedTo = None) -> Change[Person, Person]:
    """Change what somebody may, from their next request on.

    \b
    Examples:
      synkron people permit kari --permission admin
      synkron people permit kari --permission read --org fjordlys
    """
    from synkron.operations.access import people as operations

    asked = operations.AskedPerson(name, permission, org)

    return Change(
        plan=lambda connection, settings, _: operations.plan_permit(connection, settings, asked),
        do=lambda connection, settings, author: operations.permit_person(connection, settings, asked, author),
        question="Change it?",
        told=lambda now: [f"{name} {may(now.permission, now.org_id)} now. From now on they {may(permission, org)}."],
        done=lambda _, one: [f"{name} {may(one.permission, one.org_id)}."],
        json=_as_json,
    )


@people.command()
@changing
def password(name: PersonName) -> Change[Person, Person]:
    """Set somebody's password, and end their sessions. It is asked for as by `synkron people add`.

    \b
    Examples:
      synkron people password kari
      synkron people password kari --yes < password.txt
    """
    from synkron.operations.access import people as operations

    return Change(
        plan=lambda connection, *_: operations.plan_set_password(connection, name),
        do=lambda connection, _, author: operations.set_password(connection, name, asked_password(), author),
        question="Set it?",
        told=lambda now: [f"Set the password of {name}. {_ended(now)}"],
        done=lambda now, _: [f"The password of {name} is set. {_ended(now)}"],
        json=_as_json,
    )


@people.command()
@changing
def disable(name: PersonName) -> Change[Person, Person]:
    """Let somebody log in no more, and end their sessions at once; also who logs in with the identity provider.

    \b
    Examples:
      synkron people disable kari
      synkron people disable kari@example.com --yes
    """
    from synkron.operations.access import people as operations

    return _of_name(
        name,
        operations.disable_person,
        lambda now: f"Let {name} log in no more. {_ended(now)}",
        lambda now: f"{name} is disabled. {_ended(now)}",
    )


@people.command()
@changing
def enable(name: PersonName) -> Change[Person, Person]:
    """Let somebody log in again who was disabled.

    \b
    Examples:
      synkron people enable kari
      synkron people enable kari --yes
    """
    from synkron.operations.access import people as operations

    return _of_name(
        name, operations.enable_person, lambda _: f"Let {name} log in again.", lambda _: f"{name} may log in again."
    )


def _of_name(
    name: str,
    do: Callable[[Connection, str, str], Awaitable[Person]],
    told: Callable[[Person], str],
    done: Callable[[Person], str],
) -> Change[Person, Person]:
    from synkron.operations.access.people import person_named

    return Change(
        plan=lambda connection, *_: person_named(connection, name),
        do=lambda connection, _, author: do(connection, name, author),
        question="Do it?",
        told=lambda now: [told(now)],
        done=lambda now, _: [done(now)],
        json=_as_json,
    )


def _as_json(now: Person, after: Person | None) -> Mapping[str, object]:
    return {"person": held_by(after or now)}


def _ended(now: Person) -> str:
    return f"{several(now.sessions, 'session')} of theirs: ended."
