-- Moments that would be lost: held while nobody can fire their row, expired, or decided by other rules for a zone.
-- Everything is added: the previous release's scheduler and worker run beside this one.

-- Why an integration is undecided: it is paused, or the scheduler's settings don't know its type, or its organization is
-- missing. The previous release holds only what is paused.
alter table synkron.held
    add column reason text not null default 'pause' check (reason in ('pause', 'type', 'organization'));

-- Which rules for time zones the process goes by; null where it can't tell.
alter table synkron.nodes add column tzdata text;

-- Query conditions.expired: what has expired of late?
create index runs_expired on synkron.runs (claimed_at) where action = 'expire';
