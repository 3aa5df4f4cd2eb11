"""The secrets of the settings: reading each from where it is stored, and collecting all, so that they are hidden."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from re import fullmatch

from pydantic import BaseModel, SecretStr

from synkron.errors import SettingsError
from synkron.settings.load import SECRET_KEYS, Settings
from synkron.settings.redaction import SECRET_LENGTH as SECRET_LENGTH
from synkron.settings.redaction import keys_in


def is_reference(text: str) -> bool:
    """Whether the text points to a secret (``env:NAME`` or ``file:PATH``)."""
    return text.startswith(("env:", "file:"))


def read_secret(key: str, reference: str, environment: Mapping[str, str]) -> SecretStr:
    """The secret that the reference points to, stripped of blanks. Raises SettingsError, naming ``key``."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        if place not in environment:
            raise fault(key, f"the environment variable {place} is not set; set it, or correct the name")
        found = environment[place].strip()
    else:
        if Path(place).exists() and not Path(place).is_file():
            # It could be read only once, or without an end.
            raise fault(key, f"the file {place} can't be read (it is not a regular file); correct the path")
        try:
            found = Path(place).read_text("utf-8").strip()
        except OSError as error:
            raise fault(key, f"the file {place} can't be read ({error.strerror}); correct the path") from None
        except ValueError:
            raise fault(key, f"the file {place} is not UTF-8 text; correct the path") from None
    if not found:
        raise fault(key, f"{reference} is empty; put the secret there, or remove the setting")
    return SecretStr(found)


def read_header(key: str, name: str, text: str, environment: Mapping[str, str], own: Collection[str]) -> SecretStr:
    """A header's value. Raises SettingsError, naming ``key``, if it is invalid or the header is Synkron's ``own``."""
    if not fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise fault(key, "this is not a valid header name; use letters, digits and hyphens")
    if name.lower() in own:
        raise fault(key, "Synkron sets this header itself; remove it from the settings")
    value = read_secret(key, text, environment) if is_reference(text) else SecretStr(text)
    if not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
        raise fault(key, "a header's value must be one line of printable ASCII characters; correct it")
    return value


def fault(key: str, message: str) -> SettingsError:
    """One error in the settings, at ``key``."""
    return SettingsError([f"{key}: {message}"])


@contextmanager
def gathering(faults: list[str]) -> Iterator[None]:
    """Add the settings errors that are raised inside to ``faults``, and continue."""
    try:
        yield
    except SettingsError as error:
        faults += error.faults


def secrets_of(settings: Settings, environment: Mapping[str, str]) -> list[SecretStr]:
    """Every secret that the settings contain or point to, if it can be read. No text may show these.

    Names of types are not secret: an address often ends with one (``/sync/24sevenoffice``), and log lines show it.
    """
    names = settings.types
    found = {part for key, text in _texts(settings) for part in _secrets_in(key, text, environment, names)}
    # The driver uses this password if the address has none.
    return [SecretStr(text) for text in sorted(found | {environment.get("PGPASSWORD", "")}) if text]


def references_of(settings: Settings) -> list[str]:
    """Every reference to a secret in the settings, each once."""
    return sorted({text for _, text in _texts(settings) if is_reference(text)})


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The texts of the settings that may be secret, each with the secret key above it."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _texts(one, name if name in SECRET_KEYS else key)
    elif isinstance(value, SecretStr):
        yield key, value.get_secret_value()
    elif isinstance(value, str) and key:
        yield key, value


def _secrets_in(key: str, text: str, environment: Mapping[str, str], names: Collection[str]) -> Iterator[str]:
    """The secret that a reference points to; the parts of an address that may be keys; any other long text whole."""
    if is_reference(text):
        with suppress(SettingsError):
            secret = read_secret(key, text, environment).get_secret_value()
            yield secret
            yield from keys_in(secret, names)
    elif "://" in text:
        yield from keys_in(text, names)
    elif len(text) >= SECRET_LENGTH and key != "target":
        yield text
