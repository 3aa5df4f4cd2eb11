"""The real command line tool of Supabase, an npm package with its binary inside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Where `.ci/run` installs it.
TOOLS = Path(__file__).parents[2] / ".tools" / "node_modules" / ".bin"
MISSING = "the Supabase CLI is not installed (npm install --prefix .tools supabase@3.1.0)"


def command() -> list[str] | None:
    """How it is called; None where it is not installed, which is an error in CI."""
    found = shutil.which("supabase", path=os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")]))
    if found is None and os.environ.get("CI"):
        found = "supabase"
    return None if found is None else [found]
