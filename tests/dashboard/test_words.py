"""The dashboard's words: every language has the same, every template says only them, and every one is said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from string import Formatter

import pytest

from synkron.cron.elsewhere import Difference
from synkron.errors import Advice
from synkron.incidents.condition import IncidentKind
from synkron.incidents.lifecycle import Occasion
from synkron.ledger.drift import Stage
from synkron.model import Fault, OutcomeKind, Source, State
from synkron.operations.access.actor import Permission
from synkron.operations.audit_words import FACTS
from synkron.operations.backfill_plan import BackfillOutcome
from synkron.reports.overview.calendar import Decided
from synkron.reports.overview.cursor import Sort
from synkron.reports.overview.rows import RowState, Standing
from synkron.service import dashboard
from synkron.service.api.login import SAID
from synkron.service.dashboard.actions import ACTIONS
from synkron.service.dashboard.actions.asked import LENGTHS
from synkron.service.dashboard.navigation import GROUPS
from synkron.service.dashboard.pages.audit import Since
from synkron.service.dashboard.pages.drift import Back
from synkron.service.dashboard.pages.timeline import Ahead
from synkron.service.dashboard.viewer import THEMES
from synkron.service.dashboard.words import LANGUAGES, language_of, with_code, words_of
from synkron.service.doctor.checks import CHECKS
from synkron.service.doctor.finding import Level
from synkron.settings.policy import CatchUp
from synkron.settings.reports import RangeKind
from synkron.vendors.health import Verdict

# What the keys that are put together at run time end with: each has words, in every language.
BUILT: dict[str, Iterable[object]] = {
    "act.*.title": ACTIONS,
    "act.*.do": ACTIONS,
    "act.*.means": ACTIONS,
    "act.length.*": LENGTHS,
    "act.fate.*": [one.name.lower() for one in BackfillOutcome],
    "act.catch_up.*": CatchUp,
    "advice.*": Advice,
    "audit.*": ("yes", "no"),
    "audit.fact.*": FACTS,
    "audit.back.*": ["all", *Since],
    "common.keys.*": ("search", "down", "up", "select", "open", "theme", "help"),
    "common.theme.*": THEMES,
    "drift.*": ("p50", "p95", "p99"),
    "drift.back.*": Back,
    "drift.clocks.*": ("service", "once", "pg_cron"),
    "drift.stage.*": Stage,
    "health.known_by.*": ("run", "probe", "passive"),
    "incident.state_of.*": ("open", "acknowledged", "closed"),
    "incident.delivery.*": ("sent", "given_up", "failing", "waiting"),
    "incident.kind.*": IncidentKind,
    "incident.occasion_of.*": Occasion,
    "integration.decided.*": [*Decided, "run", "merge", "skip", "expire"],
    "lab.elsewhere.*.tools": Difference,
    "lab.elsewhere.*.reading": Difference,
    "lab.rule.*": ("W1", "W2", "W3", "W4"),
    "login.said.*": SAID,
    "nav.*": [entry.name for entries in GROUPS.values() for entry in entries],
    "nav.group.*": GROUPS,
    "night.legend.*": ("exported", "failed", "open", "skipped", "none"),
    "night.of.*.label": RangeKind,
    "night.of.*.title": RangeKind,
    "night.of.*.name": RangeKind,
    "origin.*": ("override", "settings", "default"),
    "outcome.*": OutcomeKind,
    "overview.column.*": ("organization", "type", "schedule", "next_fire", "runs", "drift", "health", "state"),
    "overview.fault.*": Fault,
    "overview.sort.*": Sort,
    "overview.tile.*": ("due", "running", "late", "failing", "paused", "incidents", "tick", "proof"),
    "permission.*": Permission,
    "problem.*": (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 500, 503),
    "run.source.*": Source,
    "run.stage.*": [*Stage, "tries"],
    "setup.check.*": [one.name.replace(" ", "_") for one in CHECKS],
    "setup.level.*": Level,
    "state.*": [*State, *RowState, *Standing],
    "timeline.ahead.*": Ahead,
    "times.month.*": range(1, 13),
    "times.weekday.*": range(7),
    "times.unit.*": ("s", "min", "h", "d"),
    "verdict.*": Verdict,
}
# Words for what is stored as free text: new ones are shown as they are.
FREE = {"audit.action.*", "audit.kind.*", "policy.*"}

FOLDER = Path(dashboard.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
# What is the same in every language.
NAMES = {"Synkron", "UTC", "g"}
OTHERS = sorted(set(LANGUAGES) - {"en"})


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_the_same(language: str) -> None:
    own, english = words_of(language).texts, words_of("en").texts
    assert own.keys() == english.keys()
    assert {key: fields(text) for key, text in own.items()} == {key: fields(text) for key, text in english.items()}
    assert {key for key, text in own.items() if text.count("`") != english[key].count("`")} == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_of_its_own(template: Path) -> None:
    text = template.read_text("utf-8")
    for hidden in (r"\{#.*?#\}", r"\{%.*?%\}", r"\{\{.*?\}\}", r"<[^>]*>", r"&\w+;"):
        text = re.sub(hidden, " ", text, flags=re.DOTALL)
    assert set(re.findall(r"\w+", text)) - NAMES == set()


def built() -> set[str]:
    """The keys that templates and modules put together, with a star for what is only known at run time."""
    templates = "\n".join(path.read_text("utf-8") for path in TEMPLATES)
    modules = "\n".join(path.read_text("utf-8") for path in FOLDER.rglob("*.py"))
    joined = re.findall(r"\b(?:say|html)\('([\w.]+\.)' ~ .*?(?:~ '(\.\w+)')?\)", templates)
    formatted = re.findall(r"\b(?:say|html)\(f[\"']([\w.]+\.)\{[^}]*\}(\.\w+)?[\"']", modules)
    named = re.findall(r"\bname\(['\"]([\w.]+)['\"],", templates + modules)
    return {f"{before}*{after}" for before, after in joined + formatted} | {f"{kind}.*" for kind in named}


def test_every_key_that_is_put_together_has_words() -> None:
    assert built() - FREE == BUILT.keys() | ({"lab.elsewhere.*"} & built())
    for language in LANGUAGES:
        texts = words_of(language).texts
        keys = {key.replace("*", str(value)) for key, values in BUILT.items() for value in values}
        assert {key for key in keys if key not in texts and f"{key}.one" not in texts} == set(), language


def test_no_page_fails_for_want_of_a_word_or_a_value() -> None:
    for language in LANGUAGES:
        words = words_of(language)
        assert words.say("state.not_yet_thought_of") == "not yet thought of"
        assert "{count}" in words.say("act.afterwards", other=1)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_says_exists(template: Path) -> None:
    texts = words_of("en").texts
    said = re.findall(r"\b(?:say|html)\('([\w.]+)'(?! ~)", template.read_text("utf-8"))
    assert [key for key in said if key not in texts and f"{key}.one" not in texts] == []


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "nb-NO,nb;q=0.9,en;q=0.8", "nb"),
        (None, "en-GB,en;q=0.9,nb;q=0.1", "en"),
        (None, "de,nn;q=0.5,en;q=0.4", "nb"),
        (None, "fr;q=x, ,;;", "en"),
        ("nb", "en", "nb"),
        ("xx", "no", "nb"),
    ],
)
def test_the_language_is_chosen_or_that_of_the_browser(chosen: str | None, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


def test_what_is_written_as_code_is_escaped() -> None:
    assert with_code("a `<b>` & `c`") == "a <code>&lt;b&gt;</code> &amp; <code>c</code>"
    assert words_of("nb").number(1234567) == "1\u00a0234\u00a0567"
