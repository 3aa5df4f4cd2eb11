-- The ledger refuses to be rewritten where that is cheap; `synkron verify` finds the rest. No column that these triggers
-- name is written by what Synkron does, but for a run's state. The previous release's processes run beside this one's.

create function synkron.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%.% can not be changed like this: %', tg_table_schema, tg_table_name, tg_argv[0]
        using errcode = 'integrity_constraint_violation';
end $$;
revoke all on function synkron.refuse_change from public;

-- After the update, as a trigger before it would lock each row once more.
create trigger runs_keep_their_key after update of key, integration_id, scheduled_for on synkron.runs
    for each row when (
        (old.key, old.integration_id, old.scheduled_for) is distinct from (new.key, new.integration_id, new.scheduled_for)
    )
    execute function synkron.refuse_change('a run keeps its key, its integration and its moment');
-- A finished run is never delivered again (G4).
create trigger runs_stay_succeeded after update of state on synkron.runs
    for each row when (old.state = 'succeeded' and new.state <> 'succeeded')
    execute function synkron.refuse_change('a run that succeeded stays so');
create trigger ticks_keep_their_window after update of id, at, window_start, window_end, recorded_at on synkron.ticks
    for each row execute function synkron.refuse_change('a tick keeps its moment and its window');

-- How many moments were decided and not delivered, and how many stretches of time no run covers.
alter table synkron.verifications
    add column undelivered integer not null default 0,
    add column uncovered integer not null default 0;
