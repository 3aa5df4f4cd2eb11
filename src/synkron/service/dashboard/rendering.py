"""Templates. Everything that they are given is escaped, and what they are not given is an error."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from synkron.service.dashboard.assets import address_of
from synkron.service.dashboard.navigation import GROUPS
from synkron.service.dashboard.plots import CLASSES
from synkron.service.dashboard.subjects import names_first, reason_in, subject
from synkron.service.dashboard.words import LANGUAGES, with_code
from synkron.text import called, own_name, printable


@cache
def templates() -> Environment:
    """The templates of the dashboard."""
    found = Environment(
        loader=PackageLoader("synkron.service.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    found.globals.update(
        asset=address_of,
        navigation=GROUPS,
        languages=LANGUAGES,
        called=called,
        own_name=own_name,
        names_first=names_first,
        subject=subject,
        reason_in=reason_in,
        run_marks=CLASSES,
    )
    found.filters.update(code=with_code)
    return found


def _shown(value: object) -> object:
    """Text from outside, with what would be invisible or turn the line around as escapes."""
    return printable(value, keep="\n") if type(value) is str else value
