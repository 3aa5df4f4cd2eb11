"""Which endpoints are watched, and how: the settings, with each vendor's profile as defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from yarl import URL

from synkron.errors import SettingsError
from synkron.settings.integrations import Profile, Request
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings
from synkron.settings.secrets import fault, gathering
from synkron.settings.sections import HealthMode, HealthSettings, TypeSettings
from synkron.vendors.health import Watch
from synkron.vendors.probe.request import ProbeRequest, may_be_key, read_request


@dataclass(frozen=True, slots=True)
class Watches:
    """The watched endpoints, and the request with which each is probed. Types with one endpoint share a watch."""

    watches: tuple[Watch, ...]
    requests: Mapping[str, ProbeRequest]


def watches_of(settings: Settings) -> tuple[Watch, ...]:
    """The watched endpoints. Reads no secrets: workers and commands that send no probes do not need any.

    Raises SettingsError with all errors.
    """
    return tuple(_shared(watch for _, watch, _ in _read(settings)))


def read_watches(settings: Settings, environment: Mapping[str, str], *, only: str | None = None) -> Watches:
    """The watched endpoints with their requests, whose ``env:NAME`` are looked up in ``environment``.

    If types share an endpoint, it is probed with the first type's request. With ``only``, just the request of that type
    is read. Raises SettingsError with all errors.
    """
    requests: dict[str, ProbeRequest] = {}
    faults: list[str] = []
    found = _read(settings)
    for name, watch, request in found:
        if request is not None and only in (None, name):
            with gathering(faults):
                one = settings.types[name]
                scope = one.profile.token_scope
                read = read_request(f"{section_of(name)}.health", one.health, request, scope, environment)
                requests.setdefault(watch.endpoint, read)
    if faults:
        raise SettingsError(faults)
    return Watches(tuple(_shared(watch for _, watch, _ in found)), requests)


def _read(settings: Settings) -> list[tuple[str, Watch, Request | None]]:
    """Each watched type, with its request if it is probed: the profile's request, changed by the settings."""
    found: list[tuple[str, Watch, Request | None]] = []
    faults: list[str] = []
    for name, one in settings.types.items():
        with gathering(faults):
            # The vendors of unused built-in types are not probed.
            if one.target is not None or "health" in one.model_fields_set:
                found.append((name, *_watched(name, one)))
    if faults:
        raise SettingsError(faults)
    return found


def _watched(name: str, one: TypeSettings) -> tuple[Watch, Request | None]:
    profile = one.profile
    request = None if one.health.mode is HealthMode.PASSIVE else _request(name, one.health, profile)
    if request is None and one.health.hold:
        raise fault(
            f"{section_of(name)}.health.hold",
            f"hold needs probes, which notice that the vendor is back; set {section_of(name)}.health.url, or "
            "remove hold",
        )
    watch = Watch(
        endpoint=f"type {name}" if request is None else _endpoint(f"{section_of(name)}.health.url", request.url or ""),
        integration_types=(name,),
        probes=request is not None,
        interval=one.health.interval or (request or Request("HEAD", None)).interval,
        timeout=one.health.timeout or profile.timeout,
        slow_after=one.health.slow_after or profile.slow_after,
        allowance=one.health.allowance or profile.allowance,
        most_probes=_most_probes(one.health, profile, request),
        throttled_codes=one.throttled_codes,
    )
    return watch, request


def _request(name: str, health: HealthSettings, profile: Profile) -> Request | None:
    """The request, without credentials; None if there is no address to send it to."""
    base = profile.authorized if is_authorized(health) else profile.probe
    base = base or profile.probe or Request("HEAD", None)
    url = health.url or base.url
    if url is None:
        if is_authorized(health):
            raise fault(
                f"{section_of(name)}.health.url",
                f"each customer of {profile.title} has its own address; set the one that the credentials are for, or "
                "remove the credentials",
            )
        return None
    method = health.method or base.method
    body = health.body if health.body is not None else base.body
    if method != "POST":
        if health.body is not None:
            raise fault(
                f"{section_of(name)}.health.body", f"a {method} has no body; remove it, or set the method to POST"
            )
        body = None
    return replace(base, method=method, url=url, body=body)


def is_authorized(health: HealthSettings) -> bool:
    """Whether probes are sent with credentials."""
    return bool(health.headers) or health.token is not None


def _most_probes(health: HealthSettings, profile: Profile, request: Request | None) -> int | None:
    """The limit of probes a month; None if the vendor does not count them."""
    allowance = health.allowance or profile.allowance
    if request is None or allowance is None:
        return None
    # A vendor does not count the request that its profile has without credentials.
    is_counted = request.counts or is_authorized(health) or profile.probe is None
    return int(allowance * health.allowance_share) if is_counted else None


def _endpoint(key: str, text: str) -> str:
    """The name of an endpoint: its address without the query, and with parts that may be keys hidden."""
    try:
        address = URL(text)
    except ValueError:
        raise fault(key, 'this is not an address; expected one such as "https://example.com/status"') from None
    path = "/".join(
        f"*{blake2b(part.encode(), digest_size=4).hexdigest()}" if may_be_key(part) else part
        for part in address.raw_path.split("/")
    )
    return f"{address.scheme}://{address.host_port_subcomponent}{path}"


def _shared(watches: Iterable[Watch]) -> list[Watch]:
    """One watch for each endpoint, with the strictest limits of its types."""
    by_endpoint: dict[str, Watch] = {}
    for watch in watches:
        known = by_endpoint.get(watch.endpoint)
        by_endpoint[watch.endpoint] = watch if known is None else _merged(known, watch)
    return list(by_endpoint.values())


def _merged(one: Watch, other: Watch) -> Watch:
    limits = [limit for limit in (one.most_probes, other.most_probes) if limit is not None]
    return replace(
        one,
        integration_types=(*one.integration_types, *other.integration_types),
        interval=max(one.interval, other.interval),
        most_probes=min(limits, default=None),
        throttled_codes={**other.throttled_codes, **one.throttled_codes},
    )
