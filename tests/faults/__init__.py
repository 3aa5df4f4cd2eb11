"""The fault harness: real processes on a compressed calendar, a seeded sequence of faults, and an oracle of its own.

    python -m tests.faults [--seed N] [--seeds N] [--minutes M] [--faults N] [--json FILE]

Nothing in production code knows of it. A minute of the calendar takes a few seconds because the two clocks that
Synkron has are made to run fast from outside: the database's (``clock``: functions in a schema that stands first in
the database's search path) and each process's event loop (``launch``: the real command, under a loop whose time runs
fast). docs/faults.md says what is measured, and what is not.
"""
