"""An HTTP endpoint as described in the settings, and the request that is sent to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from pydantic import SecretStr
from yarl import URL

from synkron.delivery.targets.edge_function import API_KEY, read_function, read_key
from synkron.errors import SettingsError
from synkron.model import Run
from synkron.settings.addresses import query_secrets, read_address
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import SupabaseSettings, TypeSettings
from synkron.settings.secrets import SECRET_LENGTH, fault, gathering, is_reference, read_header
from synkron.settings.signing import Signing, read_signing
from synkron.settings.supabase import fault_in_bearer, function_in
from synkron.text import instant

# The name that a request is signed under, when, and the signature.
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")
# Headers that Synkron sets itself. Others from the settings could contradict the body.
OWN_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "content-type", "idempotency-key"}
    | {"synkron-warm-up", "traceparent", "transfer-encoding"}
    | set(SIGNED)
)
WARM_UP = "Synkron-Warm-Up"
MASK = "•••"


@dataclass(frozen=True, slots=True)
class TargetEndpoint:
    """Where and how the runs of one integration type are delivered. No text may show the ``secrets``.

    ``throttled_codes`` are the vendor's own codes for "too many requests", each with the time to wait if the answer
    names no reset. ``warm_up_method`` is the HTTP method of a warm-up. In front of an Edge Function is Supabase's
    platform, whose own errors are explained.
    """

    address: URL = field(repr=False)
    headers: Mapping[str, SecretStr]
    signing: Signing | None
    secrets: tuple[SecretStr, ...]
    throttled_codes: Mapping[str, timedelta] = field(default_factory=dict)
    warm_up_method: str = "GET"
    is_edge_function: bool = False

    @property
    def place(self) -> str:
        """Host and port. The path and query are left out because they may contain a secret."""
        return self.address.host_port_subcomponent or ""

    def headers_for(self, run: Run, content: bytes, at: datetime) -> dict[str, str]:
        """The headers of one attempt that begins at ``at``, by the database's clock."""
        return self._headers(run.key, content, at) | own_headers(run)

    def warm_up_headers(self, name: str, at: datetime) -> dict[str, str]:
        """The headers of a warm-up, which is signed under its own name and has no body."""
        return self._headers(name, b"", at) | {WARM_UP: "1"}

    def _headers(self, name: str, content: bytes, at: datetime) -> dict[str, str]:
        """The configured headers, and the signature."""
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        headers["Accept-Encoding"] = "identity"
        if self.signing is not None:
            moment = at.astimezone(UTC)
            signature = self.signing.webhook.sign(name, moment, content.decode())
            headers |= dict(zip(SIGNED, (name, str(int(moment.timestamp())), signature), strict=True))
        return headers


def own_headers(run: Run) -> dict[str, str]:
    """The headers of one attempt that are neither configured nor secret."""
    return {"Content-Type": "application/json", "Idempotency-Key": run.key, "traceparent": traceparent(run)}


def masked_headers(run: Run, one: TypeSettings | None) -> dict[str, str]:
    """The headers of the run's next attempt as anybody may see them: what the settings add is masked, and not read."""
    if one is None:
        return own_headers(run)
    masked = [*one.headers, *([API_KEY] if function_in(one.target) else []), *(SIGNED if one.secret else ())]
    return own_headers(run) | {"Accept-Encoding": "identity"} | dict.fromkeys(masked, MASK)


def body(run: Run) -> bytes:
    """The body of the request, as JSON. Instants are in UTC; ``period_start`` is null in a first period."""
    return json.dumps(
        {
            "run_id": run.id,
            "idempotency_key": run.key,
            "org_id": run.org_id,
            "integration_id": run.integration_id,
            "integration_type": run.integration_type,
            "source": run.source,
            "scheduled_for": instant(run.scheduled_for),
            "period_start": None if run.period_start is None else instant(run.period_start),
            "period_end": instant(run.period_end),
            "attempt": run.attempt,
        }
    ).encode()


def traceparent(run: Run) -> str:
    """The W3C trace context of an attempt: all attempts of a run are spans of one trace."""
    trace = blake2b(run.key.encode(), digest_size=16).hexdigest()
    span = blake2b(f"{run.key}#{run.attempt}".encode(), digest_size=8).hexdigest()
    return f"00-{trace}-{span}-01"


def read_endpoint(
    name: str, one: TypeSettings, project: SupabaseSettings, environment: Mapping[str, str]
) -> TargetEndpoint:
    """The endpoint of the type ``name``, with its secrets. Raises SettingsError with all errors."""
    faults: list[str] = []
    address, signing, secrets, headers = URL(), None, [], {}
    function = function_in(one.target)
    own = OWN_HEADERS if function is None else OWN_HEADERS | {API_KEY}
    with gathering(faults):
        address = read_target(name, one, project)
        secrets += query_secrets(address)
    if one.secret is not None:
        with gathering(faults):
            signing = read_signing(f"{section_of(name)}.secret", one.secret, environment)
            secrets.append(signing.secret)
    for header, text in one.headers.items():
        with gathering(faults):
            headers[header] = read_header(f"{section_of(name)}.headers.{header}", header, text, environment, own=own)
            if is_reference(text) or len(text) >= SECRET_LENGTH:
                secrets.append(headers[header])
    if function is not None:
        with gathering(faults):
            headers[API_KEY] = read_key(f"{section_of(name)}.target", project, environment)
            secrets.append(headers[API_KEY])
    with gathering(faults):
        _refuse_bearer(f"{section_of(name)}.headers", headers)
    if faults:
        raise SettingsError(faults)
    warm_up = one.warm_up.method or one.profile.warm_up
    return TargetEndpoint(
        address, headers, signing, tuple(secrets), one.throttled_codes, warm_up, is_edge_function=function is not None
    )


def read_target(name: str, one: TypeSettings, project: SupabaseSettings) -> URL:
    """Where the target of the type ``name`` is. Raises SettingsError."""
    key, function = f"{section_of(name)}.target", function_in(one.target)
    return read_address(key, one.target or "") if function is None else read_function(function, key, project)


def _refuse_bearer(key: str, headers: Mapping[str, SecretStr]) -> None:
    """Raise SettingsError if one of Supabase's keys would be sent as a Bearer token alone."""
    if API_KEY in map(str.lower, headers):
        return
    for header, value in headers.items():
        if header.lower() == "authorization" and (says := fault_in_bearer(value.get_secret_value())):
            raise fault(f"{key}.{header}", says)
