"""What may stand in a row of the application's tables that nobody can work with, in words. Pure data.

The statements that read the rows name it (``oddity`` and ``doubled`` in ``row.sql``): a column and its fault.
"""

from __future__ import annotations

from collections.abc import Mapping

# Stands for an id or a type that is null, where people look for one.
NOTHING = "(null)"
# In bytes of UTF-8.
LONGEST_ID = 200

ODDITIES: Mapping[str, str] = {
    "id null": "its id is null, and nothing tells its runs from others; give it an id that is its own",
    "id long": f"its id is longer than {LONGEST_ID} bytes, the most that Synkron keeps; give it a shorter one",
    "id twice": "its id stands on more than one row, so nothing tells their runs apart; give each row its own",
    "org_id null": "its org_id is null; say whose it is",
    "org_id long": f"its org_id is longer than {LONGEST_ID} bytes, the most that Synkron keeps; give the organization "
    "a shorter id",
    "organization twice": "its organization's id stands on more than one row of the organizations, and nobody can tell "
    "whose zone counts; keep one of them",
    "integration_type null": "its integration_type is null; say which it is",
    "timezone long": "the organization's timezone is longer than 512 bytes; write the name of a zone",
    "row bytes": "it holds bytes that are no text in UTF-8, written here as octal numbers; write that value anew",
    "updated_at range": "its updated_at lies outside the years 1 to 9999; write when the row was edited, or null",
}
