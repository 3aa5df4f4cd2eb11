"""How a change looks in JSON, for the commands and for the HTTP API: what it would do, and what was done.

Each form is a class whose fields are the JSON, and a function that makes it of a plan and of what was done, which is
None in a dry run.
"""
