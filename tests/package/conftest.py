"""The wheel, built once for the session, and environments in which nothing else is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.pages import ROOT, text_of

UV = Path(sys.executable).with_name("uv")
# A registry has a certificate that the system's authorities have signed.
ELSEWHERE = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel, run without the variables of ours."""

    folder: Path
    wheel: Path

    def install(self, *extras: str) -> None:
        """Install the wheel with these extras, in the releases that are locked."""
        constraints = self.folder / "constraints.txt"
        locked = re.findall(r"^\w\S*==[^\\\n]*", text_of("requirements/dev.txt"), flags=re.MULTILINE)
        constraints.write_text("\n".join(locked), "utf-8")
        python = str(self.folder / "bin/python")
        uv = (str(UV), "pip", "install", "-q", "--python", python)
        # What script/setup has fetched needs no network. uv does not know where else packages are; pip does.
        for install in ((*uv, "--offline"), uv, (sys.executable, "-m", "pip", "--python", python, "install", "-q")):
            wanted = (f"{self.wheel}[{','.join(extras)}]", "--constraint", str(constraints))
            done = subprocess.run([*install, *wanted], env=ELSEWHERE, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
        pytest.fail(done.stderr)

    def check(self) -> None:
        """See that what the packages need is there, in releases that fit."""
        command = [str(UV), "pip", "check", "-q", "--python", str(self.folder / "bin/python")]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr

    def run(self, program: str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, and answer how it ended."""
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "TZ", "SSL_CERT_FILE") if name in os.environ}
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=cwd,
            env=kept | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def packages(self) -> Path:
        """Where the packages are."""
        [found] = self.folder.glob("lib/python3.*/site-packages")
        return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    [built] = folder.iterdir()
    return built


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Environment:
    """An environment of this Python with the wheel alone. `script/pythons` comes with each of the others."""
    made = Environment(tmp_path / "environment", wheel)
    done("-m", "venv", "--without-pip", str(made.folder))
    made.install()
    return made


def done(*arguments: str) -> None:
    """Run this Python in the root, and see that it ended well."""
    ended = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
