"""The address with a real TLS server: what libpq knows works, and what is faulty gets a sentence that is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from synkron.errors import DatabaseUnreachable, SettingsError
from synkron.postgres.connection import connected
from tests.conftest import in_memory
from tests.support.databases import Database
from tests.support.silent_relay import silent_relay
from tests.support.tls import ENCODED, PASSWORD, TlsServer, can_run, make_certificates, tls_server

pytestmark = pytest.mark.skipif(not can_run(), reason="the distribution's PostgreSQL or openssl is not installed")


@pytest.fixture(scope="module")
def tls() -> Iterator[TlsServer]:
    """One with a valid certificate."""
    with TemporaryDirectory(prefix="synkron-tls-", dir=in_memory()) as folder:
        make_certificates(Path(folder))
        with tls_server(Path(folder), "valid") as running:
            yield running


@pytest.fixture(scope="module")
def expired() -> Iterator[TlsServer]:
    with TemporaryDirectory(prefix="synkron-tls-", dir=in_memory()) as folder:
        make_certificates(Path(folder))
        with tls_server(Path(folder), "expired") as running:
            yield running


@pytest.mark.parametrize(
    ("query", "host"),
    [
        ("", "127.0.0.1"),
        ("sslmode=require", "127.0.0.1"),
        ("sslmode=require&sslnegotiation=postgres&channel_binding=prefer&gssencmode=disable", "127.0.0.1"),
        ("sslmode=verify-ca&sslrootcert=CA", "127.0.0.1"),
        ("sslmode=verify-full&sslrootcert=CA", "localhost"),
        ("sslmode=verify-full&sslrootcert=CA&ssl_min_protocol_version=TLSv1.3", "localhost"),
        (
            "sslmode=verify-full&sslrootcert=CA&connect_timeout=5&keepalives_idle=9&target_session_attrs=primary",
            "localhost",
        ),
        ("target_session_attrs=read-write&application_name=nightly", "localhost"),
        ("options=-c%20work_mem%3D7MB", "localhost"),
    ],
)
async def test_what_works(tls: TlsServer, query: str, host: str) -> None:
    async with connected(tls.url(query, host)) as connection:
        assert await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        name = "nightly" if "nightly" in query else "synkron"
        assert await connection.fetchval("show application_name") == name
        assert await connection.fetchval("show work_mem") == ("7MB" if "work_mem" in query else "4MB")


async def test_a_file_of_passwords(tls: TlsServer, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    url = tls.url(f"passfile={file}").replace(f":{ENCODED}@", "@")
    with pytest.raises(SettingsError, match=rf"passfile names {file}, which can't be read \(No such file"):
        async with connected(url):
            pass
    # Unlike libpq, the driver takes the colon in this password as it is.
    file.write_text(f"other:5432:app:anna:hunter2\nlocalhost:*:postgres:anna:{PASSWORD}\n", "utf-8")
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="which others may read; run `chmod 600` on it"):
        async with connected(url):
            pass
    file.chmod(0o600)
    async with connected(url) as connection:
        assert await connection.fetchval("select current_user") == "anna"


@pytest.mark.parametrize(
    ("query", "host", "said"),
    [
        (
            "sslmode=verify-full&sslrootcert=CA",
            "127.0.0.1",
            "is not accepted: IP address mismatch, certificate is not valid for '127.0.0.1'. Connect by a name that",
        ),
        ("sslmode=disable", "127.0.0.1", "refused the connection: no pg_hba.conf entry"),
        ("target_session_attrs=standby", "localhost", "is what target_session_attrs=standby asks for"),
        ("sslmode=verify-ca&sslrootcert=STRANGER", "localhost", "Set sslrootcert to the certificate of the authority"),
    ],
)
async def test_what_the_server_or_its_certificate_does_not_allow(
    tls: TlsServer, query: str, host: str, said: str
) -> None:
    url = tls.url(query.replace("STRANGER", tls.file("stranger.crt")), host)
    with pytest.raises(DatabaseUnreachable) as refused:
        async with connected(url):
            pass
    assert said in str(refused.value)
    assert f"{host}:{tls.port}/postgres" in str(refused.value)
    _shows_no_password(str(refused.value))


async def test_a_certificate_that_has_expired(expired: TlsServer) -> None:
    with pytest.raises(DatabaseUnreachable, match=r"is not accepted: certificate has expired. Renew the server's"):
        async with connected(expired.url("sslmode=verify-full&sslrootcert=CA")):
            pass
    async with connected(expired.url("sslmode=require")):
        pass


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "sslmode=verify-full&sslrootcert=/none/ca.crt",
            "sslrootcert names /none/ca.crt, which can't be read (No such",
        ),
        ("sslmode=verify-full&sslrootcert=KEY", "which holds no certificate in PEM"),
        ("sslmode=require&sslcert=/none/anna.crt", "sslcert names /none/anna.crt, which can't be read"),
    ],
)
async def test_a_file_that_is_of_no_use(tls: TlsServer, query: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        async with connected(tls.url(query.replace("KEY", tls.file("ca.key")))):
            pass
    assert said in str(refused.value)
    _shows_no_password(str(refused.value))


async def test_a_certificate_and_a_key_that_do_not_belong_together(tls: TlsServer) -> None:
    files = f"sslcert={tls.file('stranger.crt')}&sslkey={tls.file('valid.key')}"
    with pytest.raises(DatabaseUnreachable, match="sslcert and sslkey must belong together") as refused:
        async with connected(tls.url(f"sslmode=require&{files}")):
            pass
    _shows_no_password(str(refused.value))


async def test_without_a_certificate_of_an_authority_none_is_trusted(
    tls: TlsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="its sslmode needs sslrootcert"):
        async with connected(tls.url("sslmode=verify-full")):
            pass


@pytest.mark.parametrize("wrong", ["p@ss%23w%2Frd", "p%40ss%23w%2Frd", "%70%40", "hunter2"])
async def test_a_wrong_password_is_not_shown(tls: TlsServer, wrong: str) -> None:
    with pytest.raises((DatabaseUnreachable, SettingsError)) as refused:
        async with connected(tls.url(password=wrong)):
            pass
    assert "write %40 for @" in str(refused.value)
    _shows_no_password(str(refused.value))


async def test_a_server_without_tls(database: Database) -> None:
    """The relay leads to a Unix socket, where PostgreSQL offers none."""
    async with silent_relay(database.url) as relay:
        with pytest.raises(DatabaseUnreachable, match="does not offer TLS, and sslmode in SYNKRON_DATABASE_URL asks"):
            async with connected(f"{relay.url}?sslmode=require"):
                pass


def _shows_no_password(message: str) -> None:
    for part in ("p@ss", "p%40ss", "w/rd", "w%2Frd", "hunter2", "%70"):
        assert part not in message
