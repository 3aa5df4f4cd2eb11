"""An address goes over the wire byte for byte as it is written: what is signed must arrive as it was signed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pydantic import SecretStr

from synkron.delivery.targets.http import HttpTarget
from synkron.errors import SettingsError
from synkron.incidents.channels import open_channels
from synkron.incidents.message import trial
from synkron.runtime import wall_clock
from synkron.service.heartbeat import open_dead_man
from synkron.settings.addresses import exact_url, read_address
from synkron.settings.load import Settings
from synkron.vendors.health import Health, Verdict
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import read_watches
from tests.delivery.targets.far_side import PATIENCE, RUN, SIGNING, FarSide, accept, far_side, target_at, terms
from tests.support.announcing import announcing, idle

SIGNED = "/sync%2Fall/a;b/../c?sig=a%2Fb%2bc%3D%7e+d/e&empty=&flag"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (SIGNED, SIGNED),
        ("", "/"),
        ("?key=%2F", "/?key=%2F"),
        ("/sync?q=100%", "/sync?q=100%"),
        ("/%zz?%zz", "/%zz?%zz"),
        ("/sync?a=[1]&b=(2)!*'$,:@?", "/sync?a=[1]&b=(2)!*'$,:@?"),
        # What can't stand in a request's first line is escaped.
        ("/Skærgård?navn=Øst%2Fsjø", "/Sk%C3%A6rg%C3%A5rd?navn=%C3%98st%2Fsj%C3%B8"),
        ('/sync?c="d"|{e}', "/sync?c=%22d%22%7C%7Be%7D"),
        ("/sync?key=1#part", "/sync?key=1"),
    ],
)
async def test_what_is_written_is_what_is_sent(written: str, sent: str) -> None:
    async with far_side(accept) as there, target_at(f"{there.url}{written}") as target:
        await target.call(RUN, terms())
        assert isinstance(target, HttpTarget)
        await target.warm_up("warm-up", wall_clock(), PATIENCE)
    assert [request.path for request in there.requests] == [sent, sent]


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("HTTPS://Example.COM:443/x", "example.com"),
        ("http://skærgård.example:8080/x", "xn--skrgrd-luaf.example:8080"),
        ("http://[::1]:80/x", "[::1]"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_the_host_is_read_as_ever(written: str, place: str) -> None:
    assert exact_url(written).host_port_subcomponent == place


@pytest.mark.parametrize("written", ["", "/sync", "http://", "http:///sync", "http://[::1/x", "http://h:99999/x"])
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(SettingsError, match="this is not an address"):
        read_address("types.xledger.target", written)


@pytest.mark.parametrize("written", ["https://me@example.com/", "https://me:secret@example.com/?x=%2F"])
def test_a_password_is_refused(written: str) -> None:
    with pytest.raises(SettingsError, match="must not contain a user or password"):
        read_address("types.xledger.target", written)


async def probe(there: FarSide) -> None:
    settings = Settings(types={"xledger": {"health": {"url": f"{there.url}{SIGNED}", "method": "GET"}}})
    watches = read_watches(settings, {})
    [watch] = watches.watches
    unknown = Health(watch.endpoint, watch.integration_types, Verdict.UNKNOWN, "", None, wall_clock())
    async with open_prober(watches.requests) as prober:
        await prober.probe(watch, unknown, wall_clock())


async def announce(there: FarSide) -> None:
    settings = announcing(hook=f"{there.url}{SIGNED}")
    async with open_channels(settings, {"SIGNING": SIGNING}) as channels:
        assert await channels.send("hook", trial("1", wall_clock())) is None


async def ping(there: FarSide) -> None:
    async with open_dead_man(SecretStr(f"{there.url}{SIGNED}"), lambda: 0.0) as dead_man:
        dead_man.succeeded()
        await idle(dead_man)


@pytest.mark.parametrize("send", [probe, announce, ping])
async def test_so_do_the_others(send: Callable[[FarSide], Coroutine[Any, Any, None]]) -> None:
    async with far_side(accept) as there:
        await send(there)
    assert [request.path for request in there.requests] == [SIGNED]
