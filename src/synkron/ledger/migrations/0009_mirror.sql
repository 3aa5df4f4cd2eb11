-- The application's two tables as they were last read through its Data API, where nothing else can be reached. They stay
-- empty elsewhere. Their rows are whatever the application has: an id may be null, or on two rows. The due read scans
-- them: an index under the name that it looks for would be taken for the application's own by a role whose search path
-- begins with this schema.

create table synkron.mirrored_organizations (
    id text,
    name text,
    timezone text
);
create index mirrored_organizations_by_id on synkron.mirrored_organizations (id);

create table synkron.mirrored_integrations (
    id text,
    org_id text,
    integration_type text,
    is_enabled boolean,
    cron_schedule text,
    updated_at timestamptz
);
create index mirrored_integrations_by_id on synkron.mirrored_integrations (id);
