"""Targets from the settings: all faults at once, each with its key, and no secret in any of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.function import CallableTarget
from synkron.delivery.targets.http import HttpTarget
from synkron.errors import SettingsError
from synkron.model import OutcomeKind
from synkron.settings.load import Settings
from tests.delivery.targets.far_side import RUN, terms

SIGNING = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ADDRESS = "http://127.0.0.1:1/sync"

MODULE = """
from synkron.model import Outcome, OutcomeKind

async def export(run):
    return Outcome(OutcomeKind.FINAL, error=f"run {run.id}")

def plain(run, dry=False): ...
def nothing(): ...
def two(run, other): ...
def generator(run):
    yield run
constant = 7
"""


FAULTS = """\
types.xledger.secret: this is not a Standard Webhooks secret; expected "whsec_" and 24 to 64 random bytes in base64; \
make one with `echo whsec_$(openssl rand -base64 32)`, and give it to the endpoint too
types.xledger.headers.A: the environment variable ABSENT is not set; set it, or correct the name
types.xledger.headers.B: the file absent can't be read (No such file or directory); correct the path
types.xledger.headers.C: file:blank is empty; put the secret there, or remove the setting
types.xledger.headers.D: a header's value must be one line of printable ASCII characters; correct it
types.xledger.headers.webhook-id: Synkron sets this header itself; remove it from the settings
types.dynamics.target: an address in the settings must not contain a user or password; remove them, and send them in a \
header: headers = { Authorization = "env:NAME" }
types.bufdir.secret: only an HTTP target uses it, and this one is a callable; remove it
types.bufdir.headers: only an HTTP target uses it, and this one is a callable; remove it
types.bufdir.target: the module bookkeeping has no absent; correct the name after the colon"""


@pytest.fixture(autouse=True)
def bookkeeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that can be imported: one good, one that fails, one that ends the process."""
    (tmp_path / "bookkeeping.py").write_text(MODULE)
    (tmp_path / "broken_bookkeeping.py").write_text("raise RuntimeError('no ledger')")
    (tmp_path / "leaving_bookkeeping.py").write_text("raise SystemExit('bye')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)


async def faults(environment: Mapping[str, str] | None = None, **types: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        async with open_targets(Settings(types=types), environment or {}):
            pass
    return caught.value.faults


async def test_every_type_with_a_target_has_one() -> None:
    types = {
        "xledger": {"target": ADDRESS},
        "dynamics": {"target": "bookkeeping:plain"},
        "fiken": {"target": "bookkeeping:export"},
        "bufdir": {"secret": "env:NOT_READ_AS_THERE_IS_NO_TARGET"},
    }
    async with open_targets(Settings(types=types), {}) as targets:
        assert {name: type(target) for name, target in targets.items()} == {
            "xledger": HttpTarget,
            "dynamics": CallableTarget,
            "fiken": CallableTarget,
        }
        assert (await targets["dynamics"].call(RUN, terms())).kind is OutcomeKind.SUCCEEDED
        assert (await targets["fiken"].call(RUN, terms())).error == "run 4711"


async def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "blank").write_text("\n")
    headers = {"A": "env:ABSENT", "B": "file:absent", "C": "file:blank", "D": "env:TWO_LINES", "webhook-id": "7"}
    told = await faults(
        {"WEAK": "hunter2", "TWO_LINES": "a\nb"},
        xledger={"target": ADDRESS, "secret": "env:WEAK", "headers": headers},
        bufdir={"target": "bookkeeping:absent", "headers": {"X": "y"}, "secret": "env:WEAK"},
        dynamics={"target": "https://user:hunter2@example.com/"},
    )
    assert "\n".join(told) == FAULTS


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        (
            "absent_module:run",
            "absent_module can't be imported (ModuleNotFoundError: No module named 'absent_module');",
        ),
        ("broken_bookkeeping:run", "broken_bookkeeping can't be imported (RuntimeError: no ledger);"),
        ("leaving_bookkeeping:run", "leaving_bookkeeping can't be imported (SystemExit: bye);"),
        ("bookkeeping..export:run", "bookkeeping..export can't be imported (ModuleNotFoundError: "),
        ("bookkeeping:constant", "bookkeeping:constant can't be called; name a function"),
        ("bookkeeping:generator", "bookkeeping:generator can't be called; name a function"),
        ("bookkeeping:nothing", "bookkeeping:nothing can't be called with a run as its only argument"),
        ("bookkeeping:two", "bookkeeping:two can't be called with a run as its only argument"),
        ("http://[::1/sync", 'this is not an address; expected one such as "https://example.com/sync"'),
        ("http://localhost:http/", 'this is not an address; expected one such as "https://example.com/sync"'),
        ("http://?key=hunter2", 'this is not an address; expected one such as "https://example.com/sync"'),
    ],
)
async def test_a_target_that_can_not_be_called(target: str, fault: str) -> None:
    [told] = await faults(xledger={"target": target})
    assert told.startswith(f"types.xledger.target: {fault}")


@pytest.mark.parametrize(
    "secret",
    [
        SIGNING,
        SIGNING.removeprefix("whsec_"),
        SIGNING.rstrip("="),
        f"\n {SIGNING} \n",
        "whsec_" + "A" * 32,
        "whsec_" + "A" * 84,
    ],
)
async def test_a_signing_secret(secret: str) -> None:
    types = {"xledger": {"target": ADDRESS, "secret": "env:SECRET"}}
    async with open_targets(Settings(types=types), {"SECRET": secret}) as targets:
        assert list(targets) == ["xledger"]


@pytest.mark.parametrize(
    "secret",
    [
        "hunter2",
        "correct horse battery staple, which is long",
        "whsec_",
        "whsec_====",
        "whsec_" + "A" * 31,
        "whsec_" + "A" * 88,
        "whsec_" + "-_" * 20,
        "whsec_" + "Å" * 40,
        "v1,whsec_" + "A" * 40,
    ],
)
async def test_a_signing_secret_that_standard_webhooks_does_not_allow(secret: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(secret)
    [told] = await faults(xledger={"target": ADDRESS, "secret": "file:secret"})
    assert told.startswith("types.xledger.secret: this is not a Standard Webhooks secret")
    assert secret == "whsec_" or secret not in told


async def test_a_secret_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Bearer t0ken\n")
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    types = {"xledger": {"target": ADDRESS, "headers": {"Authorization": "file:token"}}}
    async with open_targets(Settings(types=types), {}):
        pass
    assert await faults(xledger={"target": ADDRESS, "secret": "file:latin"}) == [
        "types.xledger.secret: the file latin is not UTF-8 text; correct the path"
    ]
    os.mkfifo(tmp_path / "pipe")  # nobody will ever write to it
    for name in (".", "pipe", "/dev/zero"):
        [told] = await faults(xledger={"target": ADDRESS, "secret": f"file:{name}"})
        assert (
            told == f"types.xledger.secret: the file {name} can't be read (it is not a regular file); correct the path"
        )


async def test_a_header_s_name() -> None:
    [told] = await faults(xledger={"target": ADDRESS, "headers": {"X Tenant": "7"}})
    assert told == ("types.xledger.headers.X Tenant: this is not a valid header name; use letters, digits and hyphens")
