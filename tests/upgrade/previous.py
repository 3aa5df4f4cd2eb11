"""The previous release, taken from the history: its source beside the installed packages.

There is no release yet. The commit that stands for one knows few of the ledger's columns, so that processes are tried
which know nothing of the rest. From 0.1.0 on it is the commit of the last release.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from tests.support.databases import Database

COMMIT = "09f1f95"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Previous:
    """The previous release's ``src``. ``command`` is its `synkron`."""

    source: Path

    @property
    def command(self) -> tuple[str, ...]:
        """Refuses to be this release: an installed package could stand before PYTHONPATH."""
        code = (
            f"import synkron; assert synkron.__file__.startswith({str(self.source)!r}), synkron.__file__; "
            "from synkron.cli import main; main()"
        )
        return (sys.executable, "-c", code)

    @property
    def environment(self) -> dict[str, str]:
        """What makes it be found."""
        return {"PYTHONPATH": str(self.source)}

    async def run(self, database: Database, folder: Path, *arguments: str, settings: str = "") -> str:
        """What one of its commands answers, once it has ended well."""
        home = Path(mkdtemp(dir=folder))
        (home / "synkron.toml").write_text(settings, "utf-8")
        process = await asyncio.create_subprocess_exec(
            *self.command,
            *arguments,
            cwd=home,
            env={**os.environ, "SYNKRON_DATABASE_URL": database.url, **self.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()


def take_out(folder: Path) -> Previous | None:
    """Unpack the previous release into the folder; None where the history is not there."""
    archive = subprocess.run(
        ["git", "-c", "safe.directory=*", "archive", COMMIT, "src"], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        return None
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return Previous(folder / "src")
