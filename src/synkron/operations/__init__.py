"""The operations of operators: pause, trigger, backfill, retry, cancel, override.

Each operation is a pair of functions. ``plan_...`` reports what would happen, or refuses, in the transaction of its
caller. The operation itself plans in its own transaction, makes the change, and adds one row to the audit.
"""
