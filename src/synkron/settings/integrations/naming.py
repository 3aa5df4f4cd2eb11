"""What an integration type may be called, and how its section is written in ``synkron.toml``. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from synkron.text import printable

LONGEST_NAME = 63


def fault_in_name(name: str) -> str | None:
    """Why no type can be called so; None where one can. Names are the application's, and count letter by letter."""
    if not name:
        return "it is empty"
    if name != name.strip():
        return "it begins or ends with a blank"
    if len(name) > LONGEST_NAME:
        return f"it has more than {LONGEST_NAME} characters"
    if name != printable(name):
        return "it holds a character that can't be seen"
    return None


def section_of(name: str) -> str:
    """The type's section as TOML has it: ``types.xledger``, ``types."PowerOffice Go"``."""
    return f"types.{toml_key(name)}"


def toml_key(name: str) -> str:
    """A key as TOML has it: quoted where it is not made of ASCII letters, digits, _ and - alone."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def unknown(name: str, known: Collection[str]) -> str:
    """That there is no such type, and what to do: a remedy that works as it is written."""
    says = f'"{printable(name, 80)}" is not a known integration type'
    alike = [one for one in known if one.casefold() == name.strip().casefold()]
    if alike:
        says += f", but {' and '.join(alike)} {'is' if len(alike) == 1 else 'are'}: capitals and blanks count"
    if fault := fault_in_name(name):
        return f"{says}; no type can be called so, as {fault}: correct the row"
    return f"{says}; add [{section_of(name)}] to synkron.toml, or correct the row"
