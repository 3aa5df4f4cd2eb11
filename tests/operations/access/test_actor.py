"""Which permission has which, and the form of the secrets."""

from __future__ import annotations

import re

import pytest

from synkron.operations.access.actor import Permission
from synkron.operations.access.secret import SecretKind, hash_of, hide_secrets, is_secret, new_secret

READ, OPERATE, ADMIN = Permission


@pytest.mark.parametrize(
    ("held", "includes"),
    [(READ, {READ}), (OPERATE, {READ, OPERATE}), (ADMIN, {READ, OPERATE, ADMIN})],
)
def test_each_permission_has_those_below_it(held: Permission, includes: set[Permission]) -> None:
    assert {one for one in Permission if held.includes(one)} == includes


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_tells_what_it_is_for_and_is_never_the_same(kind: SecretKind) -> None:
    made = {new_secret(kind) for _ in range(1000)}
    assert len(made) == len({hash_of(one) for one in made}) == 1000
    assert all(re.fullmatch(r"synkron_[tlsp]_[\w-]{43}", one) for one in made)
    for one in made:
        assert [other for other in SecretKind if is_secret(other, one)] == [kind]


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_is_hidden_whole_or_cut(kind: SecretKind) -> None:
    secret = new_secret(kind)
    for text in (secret, secret[:30]):
        assert hide_secrets(f"/login/{text}?next=/runs") == f"/login/{kind}...?next=/runs"
    assert hide_secrets("/runs/4711") == "/runs/4711"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "synkron_t_",
        f"synkron_t_{'a' * 42}",
        f"synkron_t_{'a' * 44}",
        f"synkron_t_{'a' * 43}\n",
        f" synkron_t_{'a' * 43}",
        f"SYNKRON_T_{'a' * 43}",
        f"synkron_t_{'a' * 42}å",
        f"synkron_t_{'a' * 42}\0",
        f"synkron_t_{'a' * 42}\ud800",
        "a" * 10_000_000,
    ],
)
def test_nothing_else_has_that_form(text: str) -> None:
    assert not is_secret(SecretKind.TOKEN, text)
