"""Whether what should have run was decided, delivered once, and started in time. Pure: rows in, findings out.

``evidence`` holds the nouns; ``ticks`` knows which moments the ticks covered, and what they saw; ``basis`` holds what a
verification starts from. ``examine`` checks one integration: ``decisions`` compares each row of the ledger with its
tick, key, schedule and row of the application, ``attempts`` with its attempts; ``deliveries`` finds what was delivered
twice or started late, ``coverage`` what was not delivered, ``undecided`` what was not decided. What should have run is
computed again from the schedules: nothing here uses the code that decided it, and no row of the ledger is its own
proof.
"""
