"""The secrets that Synkron makes: 256 random bits behind a prefix that tells what they are. Only hashes are kept."""

from __future__ import annotations

import re
import secrets
from enum import StrEnum
from hashlib import sha256


class SecretKind(StrEnum):
    """What a secret is for, as its prefix. Scanners for leaked secrets find them by it."""

    TOKEN = "synkron_t_"  # noqa: S105  (a prefix)
    LINK = "synkron_l_"
    SESSION = "synkron_s_"
    PROVIDER_LOGIN = "synkron_p_"


def new_secret(kind: SecretKind) -> str:
    """A new secret, of letters, digits, ``-`` and ``_``."""
    return f"{kind}{secrets.token_urlsafe(32)}"


def is_secret(kind: SecretKind, text: str) -> bool:
    """Whether the text has the form of such a secret. The database is asked of no other."""
    return re.fullmatch(rf"{kind}[A-Za-z0-9_-]{{43}}", text) is not None


def hide_secrets(text: str) -> str:
    """The text without what has the form of a secret, whole or in part: the address of a login link holds one."""
    return re.sub(rf"({'|'.join(SecretKind)})[A-Za-z0-9_-]+", r"\1...", text)


def hash_of(secret: str) -> bytes:
    """What is kept of a secret: 32 bytes, which need no salt."""
    return sha256(secret.encode()).digest()
