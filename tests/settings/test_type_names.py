"""What an integration type may be called: whatever the application calls it, from the file to each remedy."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.model import Integration
from synkron.settings.integrations.naming import fault_in_name, section_of, unknown
from synkron.settings.load import Settings, load_settings
from synkron.settings.redaction import REDACTED, Redaction
from synkron.settings.secrets import secrets_of
from synkron.source.due import misplaced

NAMES = [
    "24sevenoffice", "PowerOffice Go", "Xledger", "visma.net", "Visma eEkonomi", "økonomi", "会計", "a/b", "100%",
    'say "hi"', "back\\slash", "it's", "a=b", "a,b", "[types.x]", "#1", "x" * 63,
]  # fmt: skip
NO_NAMES = ["", " xledger", "xledger\t", "a\nb", "a\x1b[2Jb", "a\u202eb", "x" * 64, "\u00a0x"]
TARGET = "https://example.com/sync"


def known_after_pasting(folder: Path, remedy: str) -> set[str]:
    """The types that the settings know once the section that the remedy names is in the file."""
    section = remedy[remedy.index("add ") + 4 : remedy.rindex(" to synkron.toml")]
    path = folder / "synkron.toml"
    path.write_text(f'{section}\ntarget = "{TARGET}"\n', "utf-8")
    return {name for name, one in load_settings(path).types.items() if one.target}


@pytest.mark.parametrize("name", NAMES)
def test_the_remedy_works_as_it_is_written(tmp_path: Path, name: str) -> None:
    row = Integration("i", "o", name, True, "0 2 * * *", True, None)
    invalid = misplaced(row, {"xledger"})
    assert invalid is not None
    assert known_after_pasting(tmp_path, invalid.reason) == {name}
    assert misplaced(row, load_settings(tmp_path / "synkron.toml").types) is None


@given(st.text(max_size=70))
def test_any_name_is_declared_or_refused_with_why(name: str) -> None:
    if fault_in_name(name) is None:
        assert tomllib.loads(f"[{section_of(name)}]") == {"types": {name: {}}}
        assert "add [" in unknown(name, [])
    else:
        assert "correct the row" in unknown(name, [])
        assert "add [" not in unknown(name, [])


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_no_type_can_be_called(name: str) -> None:
    assert fault_in_name(name) is not None
    assert "can't be the name of one" in unknown(name, ["xledger"])


@pytest.mark.parametrize("name", ["Xledger", "XLEDGER", " xledger", "xledger "])
def test_capitals_and_blanks_count_and_the_remedy_says_so(name: str) -> None:
    assert "but xledger is: case and blanks count" in unknown(name, ["bufdir", "xledger"])


@pytest.mark.parametrize("name", NAMES)
def test_any_name_may_stand_in_the_variable_that_holds_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNKRON_TYPES", json.dumps({name: {"target": TARGET}}))
    assert load_settings().types[name].target == TARGET


@pytest.mark.parametrize(
    ("in_the_file", "set_for"),
    [
        pytest.param(["Xledger"], "Xledger", id="the file's own letters"),
        pytest.param(["Xledger", "xledger"], "xledger", id="small letters where both are there"),
        pytest.param([], "xledger", id="small letters where none is"),
        pytest.param(["XLedger", "Xledger"], "xledger", id="small letters where nobody can tell"),
    ],
)
def test_a_variable_s_name_has_no_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_the_file: list[str], set_for: str
) -> None:
    path = tmp_path / "synkron.toml"
    path.write_text("\n".join(f"[types.{name}]\nattempts = 7" for name in in_the_file), "utf-8")
    monkeypatch.setenv("SYNKRON_TYPES__XLEDGER__TARGET", TARGET)
    types = load_settings(path).types
    assert {name for name, one in types.items() if one.target} == {set_for}
    assert all(types[name].attempts == 7 for name in in_the_file)


def test_an_address_that_ends_with_the_types_name_does_not_hide_the_name() -> None:
    """A part of a path may be a key; what every log line of the type shows is none, unless it is a secret elsewhere."""
    name, key = "24sevenoffice", "T0ken123"
    settings = Settings(types={name: {"target": f"https://example.com/{key}/{name}", "secret": "env:SIGNING"}})
    assert Redaction(secrets_of(settings, {})).hide(f"{name} at {key}") == f"{name} at {REDACTED}"
    assert Redaction(secrets_of(settings, {"SIGNING": name})).hide(name) == REDACTED
