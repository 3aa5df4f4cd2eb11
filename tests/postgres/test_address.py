"""The database's address: each parameter that libpq knows works or is refused by name, and no password is shown."""

from __future__ import annotations

import pytest

from synkron.errors import SettingsError
from synkron.postgres.address import KeepAlive, address_of
from synkron.postgres.parameters import AS_IT_IS, INSTEAD, OF_SYNKRON, OF_THE_DRIVER, VALUES

# `psql -c '\h'` knows none of them; these are the key words of libpq 18, from its documentation.
LIBPQ = """
    application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
    gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
    load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer
    oauth_scope options passfile password port replication require_auth requirepeer scram_client_key scram_server_key
    service servicefile ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl
    sslcrldir sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
    tcp_user_timeout user
"""
BASE = "postgresql://anna:secret@db.example.com:5432/app"


def test_each_parameter_of_libpq_has_one_fate() -> None:
    fates = [OF_THE_DRIVER, OF_SYNKRON.keys(), INSTEAD.keys()]
    assert all(sum(name in fate for fate in fates) == 1 for name in LIBPQ.split())
    assert set(AS_IT_IS) <= set(INSTEAD)
    assert set(VALUES) <= OF_THE_DRIVER


@pytest.mark.parametrize(
    ("query", "for_the_driver"),
    [
        ("", ""),
        ("sslmode=verify-full&sslrootcert=/etc/ca.crt", "sslmode=verify-full&sslrootcert=%2Fetc%2Fca.crt"),
        ("target_session_attrs=read-write", "target_session_attrs=read-write"),
        ("sslmode=require&channel_binding=prefer", "sslmode=require"),
        ("options=-c%20statement_timeout%3D5s", "options=-c%20statement_timeout%3D5s"),
        ("password=a+b", "password=a%2Bb"),
        ("connect_timeout=3&keepalives=1&gssencmode=disable&client_encoding=UTF8", ""),
        ("sslmode=disable&sslmode=require", "sslmode=require"),
    ],
)
def test_what_the_driver_is_given(query: str, for_the_driver: str) -> None:
    expected = f"{BASE}?{for_the_driver}" if for_the_driver else BASE
    assert address_of(f"{BASE}?{query}").url == expected


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("", KeepAlive(10, 5, 3, 30_000)),
        ("keepalives=0", KeepAlive(0, 5, 3, 0)),
        ("keepalives=0&tcp_user_timeout=9000", KeepAlive(0, 5, 3, 9000)),
        ("keepalives_idle=60&keepalives_interval=7&keepalives_count=2", KeepAlive(60, 7, 2, 30_000)),
        ("keepalives_idle=0", KeepAlive(10, 5, 3, 30_000)),
    ],
)
def test_keepalives(query: str, times: KeepAlive) -> None:
    assert address_of(f"{BASE}?{query}").keep_alive == times


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "synkron"),
        ("application_name=nightly", "nightly"),
        ("fallback_application_name=psql", "psql"),
        ("fallback_application_name=psql&application_name=nightly", "nightly"),
    ],
)
def test_the_name_that_the_server_sees(query: str, name: str) -> None:
    assert address_of(f"{BASE}?{query}").application_name == name


def test_the_time_to_connect() -> None:
    assert address_of(BASE).connect_timeout == 10
    assert address_of(f"{BASE}?connect_timeout=3").connect_timeout == 3


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (BASE, "db.example.com:5432/app"),
        ("postgresql://anna@/app?host=/run/postgresql&port=5433", "the local socket/app"),
        ("postgres://h1:5432,h2:5433/app?target_session_attrs=primary", "h1:5432,h2:5433/app"),
        ("postgresql://[::1]:5432/app", "[::1]:5432/app"),
        ("postgresql:///app?host=db.example.com&port=5433", "db.example.com:5433/app"),
        ("postgresql://anna@:5433/app", "the local socket:5433/app"),
        ("postgresql://anna:se:cret%40@db.example.com", "db.example.com"),
    ],
)
def test_the_place_that_messages_name(url: str, place: str) -> None:
    address = address_of(url)
    assert address.place == place
    assert "cret" not in repr(address)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("connect_timeout=0", "connect_timeout must be a whole number from 1 to 600"),
        ("connect_timeout=soon", "connect_timeout must be a whole number from 1 to 600"),
        ("keepalives_idle=-1", "keepalives_idle must be a whole number from 0 to 32767"),
        ("tcp_user_timeout=1e3", "tcp_user_timeout must be a whole number"),
        ("channel_binding=require", "channel_binding may only be disable or prefer: the driver does not bind"),
        ("sslmode=full", "sslmode must be disable, allow, prefer, require, verify-ca or verify-full"),
        ("target_session_attrs=master", "target_session_attrs must be any, read-write, read-only, primary"),
        ("ssl_min_protocol_version=1.2", "ssl_min_protocol_version must be TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3"),
        ("sslnegotiation=direct", "sslnegotiation=direct needs sslmode=require"),
        ("sslrootcert=system&sslmode=verify-full", "sslrootcert=system is not supported: name the file"),
        ("hostaddr=10.0.0.1", "hostaddr is not supported: write the address in place of the host name"),
        ("ssl=true", "ssl is not supported: set sslmode=require instead"),
        ("gssencmode=require", "gssencmode may only be disable or prefer: the driver encrypts by TLS only"),
        ("pgbouncer=true", "pgbouncer is unknown: PostgreSQL's own clients do not know it either"),
        ("statement_timeout=5s", "options=-c%20NAME%3DVALUE"),
        ("connectTimeout=5", "connectTimeout is unknown"),
        ("sslmode", "the parameters behind its question mark are malformed"),
        ("port=x", "port must be"),
        ("sslmode=require%0a", "sslmode contains a control character"),
    ],
)
def test_what_is_refused(query: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        address_of(f"{BASE}?{query}")
    (fault,) = refused.value.faults
    assert fault.startswith("SYNKRON_DATABASE_URL: ")
    assert fault.endswith(".")
    assert said in fault
    assert "secret" not in fault


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_what_is_not_supported_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"its parameter {name} "):
        address_of(f"{BASE}?{name}=something")


PASSWORDS = ["zq7@k9z", "zq7#k9z", "zq7/k9z", "zq7?k9z", "zq7:k9z/x", "77/k9z", "zq7@k9z@x", "zq7?k9z=x", "zq7/k9z?x=y"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("host", ["db.example.com:5432", "db.example.com", "127.0.0.1:6543", "[::1]:5432"])
def test_a_password_that_is_not_encoded_gets_a_sentence_that_does_not_show_it(password: str, host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        address_of(f"postgresql://anna:{password}@{host}/app")
    (fault,) = refused.value.faults
    assert (
        "in a user name or password, write %40 for @, %2F for /" in fault or "in a password, write %40 for @" in fault
    )
    assert "zq7" not in fault
    assert "k9z" not in fault


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgresql",
        "mysql://anna:hunter2@db.example.com/app",
        "postgresql://anna:hunter2\n@db.example.com/app",
        "postgresql://anna:hunter2@db.example.com:99999/app",
        "postgresql://anna:hunter2@db.example.com:0/app",
        "postgresql://anna:hunter2@db.example.com:/x:y@z",
        "postgresql://anna:hunter2@[::1/app",
        "postgresql://anna:hunter2@::1/app",
        "postgresql://anna:hunter2@h1,,h2/app",
        "postgresql://anna:[hunter2@db.example.com:x/app",
        "postgresql:///app?password=hunter2&hunter=3",
        "hunter2",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        address_of(url)
    assert "postgresql://user:password@host:5432/database" in str(refused.value)
    assert "hunter" not in str(refused.value)
