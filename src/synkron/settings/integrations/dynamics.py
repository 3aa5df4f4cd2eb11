"""Microsoft Dynamics, in two flavours: Business Central and Dataverse."""

from __future__ import annotations

from datetime import timedelta

from synkron.settings.integrations.profile import Profile, Request

BUSINESS_CENTRAL = Profile(
    name="dynamics",
    flavour="business_central",
    title="Microsoft Dynamics 365 Business Central",
    source="Microsoft's operational limits of Business Central online, as published",
    # It has no HEAD. Without a token it answers 401, which shows that it is reachable.
    probe=Request("GET", "https://api.businesscentral.dynamics.com/v2.0/"),
    # Each environment has its own address. Its lightest request: .../api/v2.0/companies?$top=1&$select=id
    authorized=Request("GET", None, {"Data-Access-Intent": "ReadOnly"}),
    token_scope="https://api.businesscentral.dynamics.com/.default",  # noqa: S106 (no secret)
    shortest_schedule=timedelta(minutes=5),
    # It handles 5 requests of one user at once; each organization has its own user.
    concurrency=50,
)
DATAVERSE = Profile(
    name="dynamics",
    flavour="dataverse",
    title="Microsoft Dataverse",
    source="Microsoft's service protection limits of Dataverse, as published",
    # Every customer has its own host: https://ORG.crm4.dynamics.com/api/data/v9.2/WhoAmI
    authorized=Request("GET", None, {"OData-Version": "4.0", "Accept": "application/json"}),
    shortest_schedule=timedelta(minutes=5),
    concurrency=50,
)
