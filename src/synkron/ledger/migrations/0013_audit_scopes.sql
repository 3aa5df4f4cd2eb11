-- Whom a change was about: an organization, a type (of an organization, or of all), or an integration, with its
-- organization and type. A change of the fleet has none, and neither has what the previous release's processes write.
alter table synkron.audit add column org_id text;
alter table synkron.audit add column integration_type text;
alter table synkron.audit add column integration_id text;

-- Query operations.audit: the newest about an organization, a type or an integration.
create index audit_of_organization on synkron.audit (org_id, at desc, id desc) where org_id is not null;
create index audit_of_type on synkron.audit (integration_type, at desc, id desc) where integration_type is not null;
create index audit_of_integration on synkron.audit (integration_id, at desc, id desc) where integration_id is not null;
