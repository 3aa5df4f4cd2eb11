"""The document against the running service: no answer is a fault, or other than what the document says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from synkron.operations.access.actor import Permission
from tests.conftest import Connection
from tests.service.api.changes.test_matrix import requests_of
from tests.support.api import Api, token_of
from tests.support.changes import SIGNED, Cast

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
async def admin(operator: Api, connection: Connection) -> Api:
    """Somebody who may ask for everything."""
    return operator.with_token(await token_of(connection, Permission.ADMIN))


async def test_what_is_found_and_done_is_what_the_document_says(admin: Api, cast: Cast) -> None:
    asked = [one for one in requests_of(cast) if one.route not in SIGNED]

    document = await document_of(admin)

    def ask() -> None:
        for one in sorted(asked, key=lambda one: one.method):
            for path in dict.fromkeys((one.path, one.path.replace("?dry_run=true", ""))):
                answer = requests.request(
                    one.method, admin.url + path, json=one.body, headers=authorized(admin), timeout=60
                )
                document[one.route][one.method].validate_response(answer)
                assert answer.status_code == 200 or one.permission is None or one.method == "POST", answer.text

    await asyncio.to_thread(ask)


@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_whatever_is_asked_is_answered_as_the_document_says(admin: Api, cast: Cast, mode: GenerationMode) -> None:
    del cast

    document = await document_of(admin)

    def ask_all() -> None:
        for operation in document.get_all_operations():
            one = operation.ok()

            @EXAMPLES
            @given(case=one.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                case.call_and_validate(base_url=admin.url, headers=authorized(admin), checks=CHECKS, timeout=60)

            # Nothing can be wrong with what takes no parameter.
            if mode is GenerationMode.POSITIVE or one.body or list(one.iter_parameters()):
                ask()

    await asyncio.to_thread(ask_all)


async def document_of(api: Api) -> Any:
    return schemathesis.openapi.from_dict((await api.get("/v1/openapi.json")).content)


def authorized(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.token}"}
