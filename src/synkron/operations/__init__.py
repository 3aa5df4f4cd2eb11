"""What operators do: pause, trigger, backfill, retry, cancel, override.

Each operation is a pair: ``plan_...`` says what would happen and refuses what can't be done, in a read-only
transaction; the operation itself plans again in its own transaction, does it, and writes one row of the audit.
"""
