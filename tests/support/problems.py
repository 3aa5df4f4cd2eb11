"""Problem details (RFC 9457), as the API answers them."""

from __future__ import annotations

from http import HTTPStatus


def problem(status: int, detail: str) -> tuple[int, dict[str, object]]:
    """The status, and the whole content."""
    return status, {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
