"""What a program may import: the names of ``synkron`` and of ``synkron.cron``, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import synkron
import synkron.cron

ROOT = Path(__file__).parents[2]
NAMES = {
    "DataApi",
    "DatabaseError",
    "DueIntegration",
    "DueRead",
    "Fault",
    "InvalidIntegration",
    "NotFound",
    "Outcome",
    "OutcomeKind",
    "Refused",
    "Run",
    "Settings",
    "SettingsError",
    "SourceTables",
    "SynkronError",
    "__version__",
    "complete_run",
    "load_settings",
    "read_due_integrations",
    "read_due_integrations_sync",
    "read_schedule",
    "running",
    "tick",
}
CRON_NAMES = {"Cron", "CronWarning", "MinuteRange", "lint", "parse", "parse_zone", "minute_range"}


def test_the_names() -> None:
    assert set(synkron.__all__) == NAMES
    assert set(synkron.cron.__all__) == CRON_NAMES
    assert all(hasattr(synkron, name) for name in NAMES)
    assert set(dir(synkron)) >= NAMES
    assert synkron.__version__ == version("synkron")


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="module 'synkron' has no attribute 'nothing'"):
        _ = synkron.nothing


def test_the_package_alone_imports_no_other_module() -> None:
    program = "import sys; import synkron; print([name for name in sys.modules if name.startswith('synkron.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_no_page_sends_a_user_into_an_inner_module() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.py")]
    inner = re.compile(r"^\s*(?:from|import) synkron\.(?!cron\b)\w+", re.MULTILINE)
    found = {page.name: inner.findall(page.read_text("utf-8")) for page in pages}
    allowed = {"targets.md": ["from synkron.attempts"]}  # a table in SQL
    assert {name: lines for name, lines in found.items() if lines} == allowed
