"""What pages are asked with by hand: nothing that the database can't hold reaches it."""

from __future__ import annotations

import pytest

from tests.service.api.conftest import Api


@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00",
        "/?type=%00",
        "/runs?type=%00",
        "/drift?type=%00",
        "/heat?type=%00",
        "/timeline?type=%00",
        "/audit?author=%00",
        "/o/%00",
        "/integrations/%00",
    ],
)
async def test_a_null_character_is_no_fault_of_the_database(api: Api, path: str) -> None:
    assert (await api.get(path)).status in (404, 409, 422)


@pytest.mark.parametrize("path", ["/?type=", "/runs?type=", "/drift?type=", "/heat?type=", "/timeline?type="])
async def test_no_type_is_every_type(api: Api, path: str) -> None:
    assert (await api.get(path)).status == 200
