"""Which names integration types and installations may have, and how a type's section is written. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from synkron.text import printable

LONGEST_NAME = 63
INSTALLATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
EXPECTED_INSTALLATION = (
    "expected a name such as prod: at most 63 letters, digits, dots, - and _, the first a letter or digit"
)


def fault_in_name(name: str) -> str | None:
    """Why this can't be the name of a type, or None if it can. Names are the application's; case and blanks count."""
    if not name:
        return "it is empty"
    if name != name.strip():
        return "it begins or ends with a blank"
    if len(name) > LONGEST_NAME:
        return f"it has more than {LONGEST_NAME} characters"
    if name != printable(name):
        return "it contains an invisible character"
    return None


def section_of(name: str) -> str:
    """The type's section in TOML's notation: ``types.xledger``, ``types."PowerOffice Go"``."""
    return f"types.{toml_key(name)}"


def toml_key(name: str) -> str:
    """A key in TOML's notation: quoted unless it consists of ASCII letters, digits, _ and - only."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def unknown(name: str, known: Collection[str]) -> str:
    """A sentence that says that the type is not known and what to do. The remedy can be copied as it is."""
    says = f'"{printable(name, 80)}" is not a known integration type'
    alike = [one for one in known if one.casefold() == name.strip().casefold()]
    if alike:
        says += f", but {' and '.join(alike)} {'is' if len(alike) == 1 else 'are'}: case and blanks count"
    if fault := fault_in_name(name):
        return f"{says} and can't be the name of one, because {fault}; correct the row"
    return f"{says}; add [{section_of(name)}] to synkron.toml, or correct the row"
