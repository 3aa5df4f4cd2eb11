"""What a page is about, as people know it: names first, ids after them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from synkron.model import Scope
from synkron.scheduler.pauses import NOT_GIVEN
from synkron.service.dashboard.words import Words
from synkron.text import called, printable


def subject(words: Words, names: Mapping[str, str], about: Scope) -> str:
    """Whom something is about, with its kind below. An integration has its organization, unless its row is gone."""
    org_id, kind, integration_id = about
    if integration_id is not None and org_id is not None:
        return names_first(names, org_id, kind, integration_id)
    if integration_id is not None:
        return _below(integration_id, words.say("pause.gone"))
    told = in_short(words, names, about)
    if org_id is not None:
        return _below(told, f"{words.say('pause.of.part' if kind else 'pause.of.organization')} · {org_id}")
    return told if kind is None else _below(told, words.say("pause.of.type"))


def in_short(words: Words, names: Mapping[str, str], about: Scope) -> str:
    """The names alone."""
    org_id, kind, _ = about
    named = (called(names.get(org_id), org_id) if org_id else None, kind)
    return " ".join(filter(None, named)) or words.say("pause.everything")


def names_first(
    names: Mapping[str, str], org_id: str, integration_type: str | None = None, integration_id: str | None = None
) -> Markup:
    """The organization's name and the type, with the id of the integration, or else of the organization, below."""
    told = " ".join(filter(None, (called(names.get(org_id), org_id), integration_type)))
    return _below(told, integration_id or org_id)


def reason_in(words: Words, reason: str) -> str:
    """The reason that somebody gave, or that there is none."""
    return words.say("act.no_reason") if reason == NOT_GIVEN else reason


def _below(told: str, more: str) -> Markup:
    return Markup("{} <small>{}</small>").format(printable(told), printable(more))
