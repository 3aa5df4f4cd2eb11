"""The secrets of the settings: read from where they point to, and all of them, to be hidden."""

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
    """The secret that the reference points to, without the blanks around it. Raises SettingsError, naming ``key``."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        if place not in environment:
            raise fault(key, f"there is no environment variable {place}; set it, or correct the name")
        found = environment[place].strip()
    else:
        try:
            found = Path(place).read_text("utf-8").strip()
        except OSError as error:
            raise fault(key, f"the file {place} can't be read ({error.strerror}); correct the path") from None
        except ValueError:
            raise fault(key, f"the file {place} does not hold UTF-8 text; correct the path") from None
    if not found:
        raise fault(key, f"{reference} is empty; put the secret there, or take the setting out")
    return SecretStr(found)


def read_header(key: str, name: str, text: str, environment: Mapping[str, str], own: Collection[str]) -> SecretStr:
    """A header's value. Raises SettingsError, naming ``key``, for one that can't be there, or is Synkron's ``own``."""
    if not fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise fault(key, "this is not the name of a header; letters, digits and hyphens are allowed")
    if name.lower() in own:
        raise fault(key, "Synkron sets this header itself; take it out of the settings")
    value = read_secret(key, text, environment) if is_reference(text) else SecretStr(text)
    if not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
        raise fault(key, "a header's value is one line of printable ASCII characters; correct it")
    return value


def fault(key: str, message: str) -> SettingsError:
    """One fault of the settings, at ``key``."""
    return SettingsError([f"{key}: {message}"])


@contextmanager
def gathering(faults: list[str]) -> Iterator[None]:
    """Add the faults found inside to ``faults``, and go on."""
    try:
        yield
    except SettingsError as error:
        faults += error.faults


def secrets_of(settings: Settings, environment: Mapping[str, str]) -> list[SecretStr]:
    """Every secret that the settings hold or point to, as far as it can be read: what no text may show.

    An address often ends with the name of the type (``/sync/24sevenoffice``), which every log line shows.
    """
    names = settings.types
    found = {part for key, text in _texts(settings) for part in _secrets_in(key, text, environment, names)}
    # What the driver connects with where the address holds no password.
    return [SecretStr(text) for text in sorted(found | {environment.get("PGPASSWORD", "")}) if text]


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The texts of the settings that may be secret, each with the key that says so."""
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
    """What the text points to; of an address, what may be a key; another text of some length as a whole."""
    if is_reference(text):
        with suppress(SettingsError):
            secret = read_secret(key, text, environment).get_secret_value()
            yield secret
            yield from keys_in(secret, names)
    elif "://" in text:
        yield from keys_in(text, names)
    elif len(text) >= SECRET_LENGTH and key != "target":
        yield text
