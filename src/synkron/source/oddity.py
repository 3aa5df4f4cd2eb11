"""Values in the application's rows that Synkron can't use, and how each is described. Pure data.

The statements that read the rows return these keys (``oddity`` and ``doubled`` in ``row.sql``): column and fault.
"""

from __future__ import annotations

from collections.abc import Mapping

# Shown to people in place of an id or a type that is null.
NOTHING = "(null)"
# In bytes of UTF-8.
LONGEST_ID = 200

ODDITIES: Mapping[str, str] = {
    "id null": "its id is null, so its runs can't be identified; give the row a unique id",
    "id long": f"its id is longer than {LONGEST_ID} bytes; give the row an id of at most {LONGEST_ID} bytes",
    "id twice": "its id is on more than one row, so their runs can't be told apart; give each row its own id",
    "org_id null": "its org_id is null; set it to the organization's id",
    "org_id long": f"its org_id is longer than {LONGEST_ID} bytes; give the organization an id of at most "
    f"{LONGEST_ID} bytes",
    "organization twice": "its organization's id is on more than one row of the organizations table, so its timezone "
    "is ambiguous; keep one of these rows",
    "integration_type null": "its integration_type is null; set it to the integration's type",
    "timezone long": "the organization's timezone is longer than 512 bytes; set it to the name of a zone",
    "row bytes": "it contains bytes that are not UTF-8, shown here as octal numbers; correct that value",
    "updated_at range": "its updated_at is outside the years 1 to 9999; set it to when the row was edited, or to null",
}
