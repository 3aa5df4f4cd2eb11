"""The demo's twelve organizations and 36 integrations, and how they are written to the application's two tables."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from synkron.errors import Refused
from synkron.postgres.connection import Connection
from synkron.settings.load import SourceTables
from synkron.source.queries import SourceQueries

# Ids derive from names, so that seeding again finds the same rows.
NAMESPACE = UUID("6f0d8d5e-2f0a-4a83-9d4c-0b6a4f0c7b11")


@dataclass(frozen=True, slots=True)
class Organization:
    """A row of ``organizations``. ``timezone`` None means UTC."""

    name: str
    timezone: str | None

    @property
    def id(self) -> UUID:
        """Always the same."""
        return uuid5(NAMESPACE, self.name)


@dataclass(frozen=True, slots=True)
class Integration:
    """A row of ``organization_integrations``. ``fault`` says what is wrong with it on purpose."""

    organization: Organization
    integration_type: str
    cron_schedule: str | None
    is_enabled: bool = True
    fault: str | None = None

    @property
    def id(self) -> UUID:
        """Always the same."""
        return uuid5(NAMESPACE, f"{self.organization.name}/{self.integration_type}")

    @property
    def is_live(self) -> bool:
        """Whether it fires."""
        return self.is_enabled and self.cron_schedule is not None and self.fault is None


FJORDLYS = Organization("Fjordlys Barnehager", "Europe/Oslo")
NORDAVIND = Organization("Nordavind Regnskap", "Europe/Oslo")
SKARGARDEN = Organization("Skärgården Omsorg", "Europe/Stockholm")
KAAMOS = Organization("Kaamos Logistiikka", "Europe/Helsinki")
VESTERHAV = Organization("Vesterhav Energi", "Europe/Copenhagen")
JOKULL = Organization("Jökull Fiskvinnsla", "Atlantic/Reykjavik")
AURORA = Organization("Aurora Ledgers", None)
SAGARMATHA = Organization("Sagarmatha Treks", "Asia/Kathmandu")
HUDSON = Organization("Hudson & Vik", "America/New_York")
KENTIA = Organization("Kentia Palms", "Australia/Lord_Howe")
OSTERSJO = Organization("Østersjø Shipping", "+02:00")
ATLANTIS = Organization("Atlantis Holding", "Europe/Atlantis")

ORGANIZATIONS = (
    FJORDLYS,
    NORDAVIND,
    SKARGARDEN,
    KAAMOS,
    VESTERHAV,
    JOKULL,
    AURORA,
    SAGARMATHA,
    HUDSON,
    KENTIA,
    OSTERSJO,
    ATLANTIS,
)

INTEGRATIONS = (
    Integration(FJORDLYS, "xledger", "* * * * *"),
    Integration(FJORDLYS, "dynamics", "0 2 * * *"),
    Integration(FJORDLYS, "bufdir", "0 7 * * MON-FRI"),
    Integration(NORDAVIND, "xledger", "*/2 * * * *"),
    Integration(NORDAVIND, "dynamics", "* * * * *"),
    Integration(NORDAVIND, "bufdir", "0 2 31 * *"),
    Integration(SKARGARDEN, "xledger", "*/5 * * * *"),
    Integration(SKARGARDEN, "dynamics", "* * * * *"),
    Integration(SKARGARDEN, "bufdir", "0 * * * *"),
    Integration(KAAMOS, "xledger", "* * * * *"),
    Integration(KAAMOS, "dynamics", "30 2 * * *"),
    Integration(KAAMOS, "bufdir", "*/15 * * * *"),
    Integration(VESTERHAV, "xledger", "*/2 * * * *"),
    Integration(VESTERHAV, "dynamics", "99 * * * *", fault="no hour has a minute 99"),
    Integration(VESTERHAV, "bufdir", "* * * * *"),
    Integration(JOKULL, "xledger", "* * * * *"),
    Integration(JOKULL, "dynamics", "7-59/15 * * * *"),
    Integration(JOKULL, "bufdir", "* * * * *", is_enabled=False),
    Integration(AURORA, "xledger", "1-59/2 * * * *"),
    Integration(AURORA, "dynamics", "*/5 * * * *"),
    Integration(AURORA, "bufdir", "* * * * *"),
    Integration(SAGARMATHA, "xledger", "0 * * * *"),
    Integration(SAGARMATHA, "dynamics", "2-59/5 * * * *"),
    Integration(SAGARMATHA, "bufdir", "30 9 * * 1-5"),
    Integration(HUDSON, "xledger", "0 2 * * *"),
    Integration(HUDSON, "dynamics", "20 * * * *"),
    Integration(HUDSON, "bufdir", "0 0 2 * * *", fault="six fields"),
    Integration(KENTIA, "xledger", "0,15,30,45 * * * *"),
    Integration(KENTIA, "dynamics", "0 2 31 * *"),
    Integration(KENTIA, "bufdir", "*/2 * * * *"),
    Integration(OSTERSJO, "xledger", "3-59/5 * * * *"),
    Integration(OSTERSJO, "dynamics", "* * * * *"),
    Integration(OSTERSJO, "fiken", "*/5 * * * *", fault="an integration type that is not in the settings"),
    Integration(ATLANTIS, "xledger", "* * * * *", fault="its organization's zone is unknown"),
    Integration(ATLANTIS, "dynamics", "0 3 * * *", is_enabled=False),
    Integration(ATLANTIS, "bufdir", None),
)


async def seed(connection: Connection, source: SourceTables) -> None:
    """Write the demo's rows, and restore those that were edited. Other rows are not changed."""
    if not source.organizations.timezone:
        raise Refused(
            "The demo's organizations have time zones, but [source.organizations] timezone is empty. Name a column "
            "there, or run the demo without a synkron.toml."
        )
    queries = SourceQueries(source)
    statements = queries.sql("cli/demo/fleet")
    async with queries.in_words(), connection.transaction():
        await connection.execute(
            statements["seed_organizations"],
            [one.id for one in ORGANIZATIONS],
            [one.name for one in ORGANIZATIONS],
            [one.timezone for one in ORGANIZATIONS],
        )
        await connection.execute(
            statements["seed_integrations"],
            [one.id for one in INTEGRATIONS],
            [one.organization.id for one in INTEGRATIONS],
            [one.integration_type for one in INTEGRATIONS],
            [one.is_enabled for one in INTEGRATIONS],
            [one.cron_schedule for one in INTEGRATIONS],
        )


async def is_only_demo(connection: Connection, source: SourceTables) -> bool:
    """Whether the two tables contain only rows of the demo, or none."""
    queries = SourceQueries(source)
    async with queries.reading(connection):
        answer = await connection.fetchval(
            queries.sql("cli/demo/fleet")["is_only_demo"],
            [str(one.id) for one in ORGANIZATIONS],
            [str(one.id) for one in INTEGRATIONS],
        )
    return bool(answer)
