"""What is in the wheel, and what a package index shows of it."""

from __future__ import annotations

import re
import tomllib
from email import message_from_string
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.house.pages import ROOT, files, text_of

REPOSITORY = tomllib.loads(text_of("pyproject.toml"))["project"]["urls"]["Source"]


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


def test_it_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {str(path.relative_to(ROOT / "src")) for path in files() if path.is_relative_to(ROOT / "src")}
    assert {"synkron/py.typed", "synkron/ledger/claims.sql"} <= held


def test_the_readme_s_links_lead_into_the_repository(metadata: Message) -> None:
    shown = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)\s]+)\)", shown)
    assert len(links) == len(re.findall(r"\]\(([^)\s]+)\)", text_of("README.md"))) > 20
    for link in links:
        inside = link.removeprefix(f"{REPOSITORY}/blob/main/")
        assert inside.startswith("https://") or (ROOT / inside.partition("#")[0]).exists(), link


def test_what_an_index_lists(metadata: Message) -> None:
    assert metadata["Name"] == "synkron"
    assert "exactly one run per period, delivered at least once" in metadata["Summary"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Author"] == "The Synkron authors"
    assert "scheduler" in metadata["Keywords"].split(",")
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Changelog", "Issues", "Source"} == set(urls)
    assert all(url.startswith(REPOSITORY) for url in urls.values())


def test_what_developers_need_is_no_extra(metadata: Message) -> None:
    assert metadata.get_all("Provides-Extra") == ["announce", "api", "embedded", "supabase"]
    needed = metadata.get_all("Requires-Dist", [])
    assert {line.partition(";")[2].strip() for line in needed if "extra" in line} == {
        "extra == 'announce'",
        "extra == 'api'",
        "extra == 'embedded'",
        "extra == 'supabase'",
    }
