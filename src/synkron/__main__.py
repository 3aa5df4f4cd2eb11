"""``python -m synkron`` is the command ``synkron``."""

from __future__ import annotations

from synkron.cli import main

if __name__ == "__main__":
    main()
