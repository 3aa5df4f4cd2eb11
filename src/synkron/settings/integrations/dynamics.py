"""Microsoft Dynamics, in two flavours: Business Central and Dataverse."""

from __future__ import annotations

from datetime import timedelta

from synkron.settings.integrations.profile import Profile, Request

BUSINESS_CENTRAL = Profile(
    name="dynamics",
    flavour="business_central",
    title="Microsoft Dynamics 365 Business Central",
    source="Microsoft's operational limits of Business Central online, as published",
    # It has no HEAD, and answers 401 without a token: it is there.
    probe=Request("GET", "https://api.businesscentral.dynamics.com/v2.0/"),
    # The environment's own address, to which this is the lightest request: .../api/v2.0/companies?$top=1&$select=id
    authorized=Request("GET", None, {"Data-Access-Intent": "ReadOnly"}),
    token_scope="https://api.businesscentral.dynamics.com/.default",  # noqa: S106 (no secret)
    shortest_schedule=timedelta(minutes=5),
    # It works on 5 requests of a user at once; each organization has a user of its own.
    concurrency=50,
)
DATAVERSE = Profile(
    name="dynamics",
    flavour="dataverse",
    title="Microsoft Dataverse",
    source="Microsoft's service protection limits of Dataverse, as published",
    # Every customer has a host of their own: https://ORG.crm4.dynamics.com/api/data/v9.2/WhoAmI
    authorized=Request("GET", None, {"OData-Version": "4.0", "Accept": "application/json"}),
    shortest_schedule=timedelta(minutes=5),
    concurrency=50,
)
