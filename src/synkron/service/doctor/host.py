"""This host: the settings, and the secrets that they refer to, as it finds them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping

from synkron.errors import SettingsError
from synkron.service.doctor.finding import Finding, failed, ok
from synkron.settings.load import Settings
from synkron.settings.secrets import read_secret, references_of
from synkron.text import several


def unread_secrets(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The references of the settings that lead to no secret here, each with the reason."""
    found = {}
    for reference in references_of(settings):
        try:
            read_secret("", reference, environment)
        except SettingsError as error:
            found[reference] = error.faults[0].removeprefix(": ")
    return found


def settings(faults: Collection[str], unread: Mapping[str, str]) -> list[Finding]:
    """``faults`` are those with which a service refuses to start. Those of the ``unread`` secrets are left out."""
    others = [fault for fault in faults if not fault.endswith(tuple(unread.values()))]
    found = [
        failed(
            one if one.endswith((".", "?")) else f"{one}.",
            remedy="Correct this key in synkron.toml, or in the environment.",
        )
        for one in others
    ]
    return found or [ok("All keys are valid.")]


def secrets(faults: Collection[str], unread: Mapping[str, str], references: int) -> list[Finding]:
    """``unread`` are the references that lead to no secret on this host, each with the reason."""
    found = []
    for reference, reason in unread.items():
        kind, _, place = reference.partition(":")
        where = next((fault for fault in faults if fault.endswith(reason)), f"{reference}: {reason}")
        if kind == "env":
            found.append(failed(f"{where}.", f"export {shlex.quote(place)}=SECRET"))
        else:
            found.append(failed(f"{where}.", remedy=f"Write the secret into {place}, readable for Synkron."))
    readable = f"{several(references, 'reference')}, readable on this host."
    return found or [ok(readable if references else "The settings refer to none.")]
