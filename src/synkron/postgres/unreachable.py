"""A database that can't be reached, as a sentence that says what to do and never shows the password."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from asyncpg.exceptions import (
    ClientConfigurationError,
    InvalidAuthorizationSpecificationError,
    InvalidCatalogNameError,
    InvalidPasswordError,
    PostgresError,
    ProtocolViolationError,
    TargetServerAttributeNotMatched,
)

from synkron.errors import DatabaseNotReady, DatabaseUnreachable, SettingsError
from synkron.postgres.address import EXAMPLE, MARKS, Address
from synkron.postgres.faults import is_passing

# PgBouncer gives one code to all that it says itself. Other reasons, such as that all connections are in use, pass.
LASTING = (
    "unsupported startup parameter",
    "authentication failed",
    "no such database",
    "no such user",
    "does not exist",
)


@contextmanager
def reaching(address: Address) -> Iterator[None]:
    """Turn a failure to connect into DatabaseUnreachable, DatabaseNotReady or SettingsError."""
    _check_files(address)
    place, check = address.place, f"Check {address.named}"
    try:
        yield
    except InvalidPasswordError as error:
        raise DatabaseUnreachable(
            f"PostgreSQL at {place} refused the connection: {error}. {check}; in a password, {MARKS}, and %25 for %."
        ) from None
    except (InvalidAuthorizationSpecificationError, InvalidCatalogNameError) as error:
        raise DatabaseUnreachable(f"PostgreSQL at {place} refused the connection: {error}. {check}.") from None
    except ProtocolViolationError as error:
        kind = DatabaseUnreachable if any(one in str(error) for one in LASTING) else DatabaseNotReady
        raise kind(
            f"The server at {place} refused the connection: {error}. {check}, and the settings of the pooler if there "
            "is one."
        ) from None
    except PostgresError as error:
        kind = DatabaseNotReady if is_passing(error) else DatabaseUnreachable
        raise kind(f"PostgreSQL at {place} can't accept connections now: {error}") from None
    except TargetServerAttributeNotMatched:
        raise DatabaseUnreachable(
            f"No server at {place} is what target_session_attrs={address.attributes} asks for. {check}, and which "
            "server is the primary."
        ) from None
    except ssl.SSLError as error:
        raise DatabaseUnreachable(_about_tls(address, error)) from None
    except ConnectionResetError:
        raise DatabaseNotReady(f"PostgreSQL at {place} closed the connection while it was being made.") from None
    except OSError as error:
        raise DatabaseUnreachable(_about_network(address, error)) from None
    except ClientConfigurationError as error:
        if "root certificate" not in str(error):
            raise _fault(address, str(error)) from None
        raise _fault(
            address, "its sslmode needs sslrootcert, the file with the certificate of the server's authority"
        ) from None
    except (ValueError, OverflowError) as error:
        # The driver's message may contain a part of the password.
        fault = f"this is not the address of a PostgreSQL database; expected one such as {EXAMPLE}"
        raise _fault(address, f"{fault} ({type(error).__name__})") from None
    except asyncpg.InterfaceError as error:
        raise DatabaseUnreachable(f"The server at {place} is not a PostgreSQL that Synkron can use: {error}") from None


def _check_files(address: Address) -> None:
    """Raise SettingsError for a file of the address that can't be used: the driver would not say which."""
    for name, file in address.files.items():
        try:
            with Path(file).open("rb"):
                pass
        except OSError as error:
            raise _fault(
                address, f"{name} names {file}, which can't be read ({error.strerror}); correct the path"
            ) from None
        # The driver then connects without a password.
        if name == "passfile" and sys.platform != "win32" and Path(file).stat().st_mode & 0o077:
            raise _fault(address, f"passfile names {file}, which others may read; run `chmod 600` on it")
        if name in ("sslrootcert", "sslcrl"):
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
            except ssl.SSLError:
                raise _fault(
                    address, f"{name} names {file}, which holds no certificate in PEM; name another file"
                ) from None


def _about_tls(address: Address, error: ssl.SSLError) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        has_own = "sslcert" in address.files
        own = " sslcert and sslkey must belong together, and the server must accept them." if has_own else ""
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return f"TLS with the server at {address.place} is not possible: {reason}.{own} Check {address.named}."
    reason = error.verify_message.rstrip(".")
    if "mismatch" in reason or "match" in reason:
        remedy = "Connect by a name that is in the certificate, or set sslmode=verify-ca, which does not check the name"
    elif "expired" in reason or "not yet valid" in reason:
        remedy = "Renew the server's certificate, and check this host's clock"
    elif "CRL" in reason or "revoked" in reason:
        remedy = "Check the file of sslcrl, and whether the certificate was revoked"
    else:
        remedy = "Set sslrootcert to the certificate of the authority that issued the server's"
    return f"The certificate of the server at {address.place} is not accepted: {reason}. {remedy}."


def _about_network(address: Address, error: OSError) -> str:
    if "rejected SSL upgrade" in str(error):
        return (
            f"The server at {address.place} does not offer TLS, and sslmode in {address.named} asks for it. "
            "Switch TLS on in the server, or set sslmode=prefer if the network between is trusted."
        )
    reason = f"no answer within {address.connect_timeout:g} s" if isinstance(error, TimeoutError) else str(error)
    return f"There is no PostgreSQL at {address.place} ({reason}). Check {address.named} and that the server runs."


def _fault(address: Address, what: str) -> SettingsError:
    return SettingsError([f"{address.named}: {what}."])
