"""A password, asked for without echo; without a terminal, the first line of stdin."""

from __future__ import annotations

import sys

import typer


def asked_password() -> str:
    """The password that the person types twice, or that a script gives. Raises BadParameter where there is none."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))
    found = sys.stdin.readline().rstrip("\r\n")
    if not found:
        raise typer.BadParameter("there is no password; give it as the first line of stdin, or run it at a terminal")
    return found
