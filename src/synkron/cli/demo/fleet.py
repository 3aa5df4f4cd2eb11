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
class DemoOrganization:
    """A row of ``organizations``. ``timezone`` None means UTC."""

    name: str
    timezone: str | None

    @property
    def id(self) -> UUID:
        """Always the same."""
        return uuid5(NAMESPACE, self.name)


@dataclass(frozen=True, slots=True)
class DemoIntegration:
    """A row of ``organization_integrations``. ``fault`` says what is wrong with it on purpose."""

    organization: DemoOrganization
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


FJORDLYS = DemoOrganization("Fjordlys Barnehager", "Europe/Oslo")
NORDAVIND = DemoOrganization("Nordavind Regnskap", "Europe/Oslo")
SKARGARDEN = DemoOrganization("Skärgården Omsorg", "Europe/Stockholm")
KAAMOS = DemoOrganization("Kaamos Logistiikka", "Europe/Helsinki")
VESTERHAV = DemoOrganization("Vesterhav Energi", "Europe/Copenhagen")
JOKULL = DemoOrganization("Jökull Fiskvinnsla", "Atlantic/Reykjavik")
AURORA = DemoOrganization("Aurora Ledgers", None)
SAGARMATHA = DemoOrganization("Sagarmatha Treks", "Asia/Kathmandu")
HUDSON = DemoOrganization("Hudson & Vik", "America/New_York")
KENTIA = DemoOrganization("Kentia Palms", "Australia/Lord_Howe")
OSTERSJO = DemoOrganization("Østersjø Shipping", "+02:00")
ATLANTIS = DemoOrganization("Atlantis Holding", "Europe/Atlantis")

INTEGRATIONS = (
    DemoIntegration(FJORDLYS, "xledger", "* * * * *"),
    DemoIntegration(FJORDLYS, "dynamics", "0 2 * * *"),
    DemoIntegration(FJORDLYS, "bufdir", "0 7 * * MON-FRI"),
    DemoIntegration(NORDAVIND, "xledger", "*/2 * * * *"),
    DemoIntegration(NORDAVIND, "dynamics", "* * * * *"),
    DemoIntegration(NORDAVIND, "bufdir", "0 2 31 * *"),
    DemoIntegration(SKARGARDEN, "xledger", "*/5 * * * *"),
    DemoIntegration(SKARGARDEN, "dynamics", "* * * * *"),
    DemoIntegration(SKARGARDEN, "bufdir", "0 * * * *"),
    DemoIntegration(KAAMOS, "xledger", "* * * * *"),
    DemoIntegration(KAAMOS, "dynamics", "30 2 * * *"),
    DemoIntegration(KAAMOS, "bufdir", "*/15 * * * *"),
    DemoIntegration(VESTERHAV, "xledger", "*/2 * * * *"),
    DemoIntegration(VESTERHAV, "dynamics", "99 * * * *", fault="no hour has a minute 99"),
    DemoIntegration(VESTERHAV, "bufdir", "* * * * *"),
    DemoIntegration(JOKULL, "xledger", "* * * * *"),
    DemoIntegration(JOKULL, "dynamics", "7-59/15 * * * *"),
    DemoIntegration(JOKULL, "bufdir", "* * * * *", is_enabled=False),
    DemoIntegration(AURORA, "xledger", "1-59/2 * * * *"),
    DemoIntegration(AURORA, "dynamics", "*/5 * * * *"),
    DemoIntegration(AURORA, "bufdir", "* * * * *"),
    DemoIntegration(SAGARMATHA, "xledger", "0 * * * *"),
    DemoIntegration(SAGARMATHA, "dynamics", "2-59/5 * * * *"),
    DemoIntegration(SAGARMATHA, "bufdir", "30 9 * * 1-5"),
    DemoIntegration(HUDSON, "xledger", "0 2 * * *"),
    DemoIntegration(HUDSON, "dynamics", "20 * * * *"),
    DemoIntegration(HUDSON, "bufdir", "0 0 2 * * *", fault="six fields"),
    DemoIntegration(KENTIA, "xledger", "0,15,30,45 * * * *"),
    DemoIntegration(KENTIA, "dynamics", "0 2 31 * *"),
    DemoIntegration(KENTIA, "bufdir", "*/2 * * * *"),
    DemoIntegration(OSTERSJO, "xledger", "3-59/5 * * * *"),
    DemoIntegration(OSTERSJO, "dynamics", "* * * * *"),
    DemoIntegration(OSTERSJO, "fiken", "*/5 * * * *", fault="an integration type that is not in the settings"),
    DemoIntegration(ATLANTIS, "xledger", "* * * * *", fault="its organization's zone is unknown"),
    DemoIntegration(ATLANTIS, "dynamics", "0 3 * * *", is_enabled=False),
    DemoIntegration(ATLANTIS, "bufdir", None),
)
# The first run of it in each demo fails for good, and succeeds when it is retried.
REFUSED = next(one for one in INTEGRATIONS if one.organization is AURORA and one.integration_type == "dynamics")
ORGANIZATIONS = tuple(dict.fromkeys(one.organization for one in INTEGRATIONS))


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
