"""Settings: the environment over the file, and every fault at once with its key and what is expected there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from synkron.errors import SettingsError
from synkron.settings.load import Settings, TypeSettings, load_settings


@pytest.mark.parametrize("written", ["127.0.0.1:8077", "[::1]:0", "localhost:65535", "0.0.0.0:80"])
def test_where_to_listen(written: str) -> None:
    assert Settings(listen=written).listen == written


@pytest.mark.parametrize(
    "written", ["8077", ":8077", "localhost", "localhost:65536", "http://localhost:80", "a b:1", "::1:80", 80]
)
def test_where_not_to_listen(written: object) -> None:
    with pytest.raises(ValidationError, match="expected host:port"):
        Settings.model_validate({"listen": written})


def written(folder: Path, text: str) -> Path:
    path = folder / "synkron.toml"
    path.write_text(text, "utf-8")
    return path


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        load_settings(written(folder, text))
    return refusal.value.faults


TOKEN = "types.a.health.token.ul", "allowed here: url, client_id, client_secret, scope"


# requirement R18.2
@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("bogus = 1", "bogus", "this key does not exist; allowed here: database_url, data_dir, source"),
        ("[source]\ntabel = 1", "source.tabel", "schema, organizations, integrations"),
        ("[types.xledger]\nretries = 1", "types.xledger.retries", "attempts"),
        ('[source]\nschema = "a; drop"', "source.schema", "letters, digits and underscores"),
        ('[source.integrations]\nid = "a.b"', "source.integrations.id", "letters, digits and underscores"),
        ('[types.xledger]\ntarget = "ftp://x"', "types.xledger.target", 'expected an address ("https://example.com'),
        ('[types.xledger]\nsecret = "hunter2"', "types.xledger.secret", 'expected "env:NAME" or "file:PATH"'),
        ('[types.xledger]\ntimeout = "soon"', "types.xledger.timeout", 'such as "30s"'),
        ('retention = "999999999d999999999d"', "retention", "at most 3650d"),
        ('[types.xledger]\ntimeout = "10000d"', "types.xledger.timeout", "at most 3650d"),
        ("[types.xledger]\ntimeout = 160", "types.xledger.timeout", 'such as "30s"'),
        ('[types.xledger]\nbackoff = "0s"', "types.xledger.backoff", "above zero"),
        ("[types.xledger]\nattempts = 0", "types.xledger.attempts", "greater than or equal to 1"),
        ('[types.xledger]\nattempts = "many"', "types.xledger.attempts", "expected a valid integer"),
        ('[types.xledger]\ncatch_up = "none"', "types.xledger.catch_up", "'latest', 'all' or 'skip'"),
        ('[types." name"]', 'types." name"', "begins or ends with a blank"),
        ('[types."a\\u202eb"]', 'types."a\u202eb"', "an invisible character"),
        (f"[types.{'a' * 64}]", f"types.{'a' * 64}", "more than 63 characters"),
        ('[types."PowerOffice Go"]\nretries = 1', 'types."PowerOffice Go".retries', "attempts"),
        ("types = 3", "types", "expected a valid dictionary"),
        ('retention = "12h"', "retention", "longer than the longest catch_up_window (1.0 days)"),
        ('[types.xledger]\ncatch_up_window = "500d"', "retention", "longer than the longest catch_up_window"),
        ('[types.xledger.health]\ninterval = "14m59s"', "types.xledger.health.interval", "at least 15m"),
        ('[types.xledger.health]\nurl = "ftp://x"', "types.xledger.health.url", '"http://" or "https://"'),
        ('[types.xledger.health]\nurl = "http://"', "types.xledger.health.url", '"http://" or "https://"'),
        ('[types.xledger.health]\nmethod = "DELETE"', "types.xledger.health.method", "HEAD, GET, OPTIONS, POST"),
        ('[types.xledger.health]\ntimeout = "61s"', "types.xledger.health.timeout", "at most 1m"),
        ("[types.xledger.health]\nallowance_share = 1.5", "types.xledger.health.allowance_share", "less than or equal"),
        ('[types.xledger.health]\nmode = "passive"\nhold = "1h"', "types.xledger.health", "set mode to active"),
        (
            '[types.xledger.health]\nthrottled_codes = {"A B" = "5s"}',
            'types.xledger.health.throttled_codes."A B"',
            "code",
        ),
        ('[types.dynamics]\nflavour = "navision"', "types.dynamics.flavour", "business_central, dataverse"),
        ('[types.xledger]\nflavour = "dataverse"', "types", "remove types.xledger.flavour"),
        ('[types.xledger.warm_up]\nmethod = "POST"', "types.xledger.warm_up.method", "GET, HEAD, OPTIONS"),
        ('[announce]\nlate_after = "30s"', "announce.late_after", "at least 1m"),
        ('[announce.channels]\na = { apprise = "x", webhok = "x" }', "announce.channels.a.webhok", "apprise, webhook"),
        ('[types.a.health]\ntoken = { ul = "x", url = "http://a", client_id = "a", client_secret = "env:A" }', *TOKEN),
        ("[announce.channels.pager]", "announce.channels.pager", "either an Apprise URL or a webhook"),
        (
            '[announce.channels.pager]\nwebhook = "https://h/x"',
            "announce.channels.pager",
            "needs a secret, which signs",
        ),
        ('[announce.channels.pager]\nwebhook = "h/x"\nsecret = "env:A"', "announce.channels.pager.webhook", "http"),
        ('[announce.channels]\nlog = "env:A"', "announce.channels.log", "a channel's name other than log"),
        ('heartbeat_url = "example.com"', "heartbeat_url", '"http://" or "https://"'),
        ('heartbeat_failure_url = "example.com"', "heartbeat_failure_url", '"http://" or "https://"'),
    ],
)
def test_a_fault_names_its_key_and_what_is_expected(tmp_path: Path, text: str, key: str, says: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"{key}: ")
    assert says in fault


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = 'heartbeat = 3\nbogus = 1\n[types.xledger]\nattempts = 0\ntimeout = "soon"\n'
    assert {fault.partition(":")[0] for fault in faults(tmp_path, text)} == {
        "heartbeat",
        "bogus",
        "types.xledger.attempts",
        "types.xledger.timeout",
    }


@pytest.mark.parametrize(
    "text",
    [
        '[[types.xledger]]\nheaders = {Authorization = "Bearer hunter2"}',
        'types = ["Bearer hunter2"]',
        'types = "hunter2"',
        '[types]\nxledger = "hunter2"',
        '[types.xledger]\ntarget = "htps://user:hunter2@h/x?key=hunter2"',
        '[types.xledger]\nheaders = ["hunter2"]',
        '[types.xledger.health]\nurl = "htps://h/x?key=hunter2"',
        '[types.xledger.health]\nheaders = "hunter2"',
        '[types.xledger.health.token]\nurl = "https://h/x"\nclient_id = "a"\nclient_secret = "hunter2"',
        '[announce.channels]\nmail = ["hunter2"]',
        '[announce.channels.pager]\nwebhook = "hunter2"\nsecret = "hunter2"',
        'heartbeat_url = "hunter2"',
        'heartbeat_url = ["hunter2"]',
        'heartbeat_failure_url = "hunter2"',
    ],
)
def test_no_fault_shows_what_may_be_secret(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in "\n".join(faults(tmp_path, text))


@pytest.mark.parametrize("variable", ["SYNKRON_TYPES", "SYNKRON_SOURCE"])
def test_a_variable_that_should_hold_json(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "{nope")
    with pytest.raises(SettingsError, match=f"{variable}: expected JSON"):
        load_settings()


def test_a_target_and_its_headers_stand_in_no_repr() -> None:
    one = TypeSettings(target="https://h/x?key=hunter2", headers={"Authorization": "Bearer hunter2"})
    assert "hunter2" not in repr(Settings(types={"xledger": one}))


def test_no_fault_shows_a_secret(tmp_path: Path) -> None:
    text = 'database_url = 42\n[types.xledger]\nsecret = "hunter2"\nheaders = "apikey: hunter2"\n'
    assert "hunter2" not in "\n".join(faults(tmp_path, text))
    settings = load_settings(written(tmp_path, 'database_url = "postgresql://a:hunter2@b/c"'))
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("text", ["a = ", "[x", '\x00 = "1"'])
def test_what_is_not_toml_is_told(tmp_path: Path, text: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert "this is not TOML" in fault


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(tmp_path / "other.toml")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, '[source]\nschema = "app"\n[source.integrations]\ntable = "links"\n')
    monkeypatch.setenv("SYNKRON_SOURCE__SCHEMA", "other")
    settings = load_settings(path)
    assert settings.source.schema_name == "other"
    assert settings.source.integrations.table == "links"


def test_channels_from_the_file_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNKRON_ANNOUNCE__CHANNELS__MAIL", "mailto://user:hunter2@example.com")
    text = '[announce.channels]\npager = {webhook = "https://h/x?key=hunter2", secret = "env:PAGER"}\n'
    settings = load_settings(written(tmp_path, text))
    assert settings.announce.channels.keys() == {"mail", "pager"}
    mail = settings.announce.channels["mail"].apprise
    assert mail is not None
    assert mail.get_secret_value() == "mailto://user:hunter2@example.com"
    assert "hunter2" not in repr(settings)


def test_types_of_ones_own_beside_the_built_in_ones(tmp_path: Path) -> None:
    settings = load_settings(
        written(tmp_path, '[types.fiken]\ncatch_up = "skip"\n[types.xledger]\nbackoff = "1m30s"\n')
    )
    assert list(settings.types) == ["xledger", "dynamics", "bufdir", "fiken"]
    assert settings.policies["xledger"].backoff == timedelta(seconds=90)
    assert settings.policies["fiken"].catch_up == "skip"


def test_the_defaults_are_those_of_the_design() -> None:
    policy = Settings().policies["xledger"]
    assert (policy.catch_up, policy.overlap, policy.concurrency, policy.attempts) == ("latest", "queue", 100, 3)
    assert (policy.catch_up_window, policy.backoff, policy.timeout) == (
        timedelta(hours=24),
        timedelta(minutes=1),
        timedelta(seconds=160),
    )
