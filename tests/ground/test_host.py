"""Which rules for time zones this process goes by."""

from __future__ import annotations

from pathlib import Path

import pytest

from synkron.runtime import tzdata_version


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"UTC": "TZif2", "tzdata.zi": "# version 2025b\n# This zic input file"}, "2025b", id="as on Debian"
        ),
        pytest.param({"UTC": "TZif2", "+VERSION": "2024a\n"}, "2024a", id="as on macOS"),
        pytest.param(
            {"UTC": "TZif2", "tzdata.zi": "R A 1 2\n", "+VERSION": "2023c"}, "2023c", id="the one that says it"
        ),
        pytest.param({"UTC": "TZif2"}, None, id="the system does not say"),
    ],
)
def test_the_version_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: str | None
) -> None:
    """A folder without zones is passed over, as ``zoneinfo`` does."""
    zones = tmp_path / "zones"
    zones.mkdir()
    for name, text in files.items():
        (zones / name).write_text(text, "utf-8")
    monkeypatch.setattr("synkron.runtime.TZPATH", (str(tmp_path), str(zones)))
    tzdata_version.cache_clear()
    assert tzdata_version() == expected
    tzdata_version.cache_clear()


def test_the_version_of_the_package_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("tzdata", reason="tzdata is not installed here: the system's rules serve")
    monkeypatch.setattr("synkron.runtime.TZPATH", ())
    tzdata_version.cache_clear()
    assert tzdata_version() == package.IANA_VERSION
    tzdata_version.cache_clear()
