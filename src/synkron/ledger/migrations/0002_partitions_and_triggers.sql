-- Partitions, and what may not be changed in the tables of 0001_ledger.

-- Makes the monthly partitions that cover the given span, and drops those that ended before keep_after.
-- It runs as its owner, so that the service's role needs no right to create tables. A new partition is made beside
-- the table and then attached, because that does not lock readers and writers out. Its pages are filled by half: a
-- row's next version finds room on the same page, and no index need be written
-- (docs/decisions/0018-a-start-writes-no-index.md). A table's name counts as a partition's only if it ends in a
-- month: PostgreSQL may look at the names of all tables before it knows which are partitions.
create function synkron.keep_partitions(first timestamptz, last timestamptz, keep_after timestamptz) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
    parent text;
    month timestamptz;
    partition text;
    is_needed boolean;
begin
    if keep_after > now() then
        raise exception 'what is not past yet can not be dropped: % lies ahead', keep_after;
    end if;
    foreach parent in array array['runs', 'attempts'] loop
        for month in select generate_series(date_trunc('month', first), last, interval '1 month') loop
            partition := parent || '_' || to_char(month, 'YYYY_MM');
            continue when to_regclass('synkron.' || partition) is not null;
            perform pg_advisory_xact_lock(hashtext('synkron.keep_partitions'));
            -- to_regclass may remember that there was none; a query sees what was made while this one waited.
            continue when exists (
                select from pg_class where relnamespace = 'synkron'::regnamespace and relname = partition
            );
            execute format('create table synkron.%I (like synkron.%I including defaults including constraints '
                'including generated including storage) with (fillfactor = 50)', partition, parent);
            execute format('alter table synkron.%I enable row level security', partition);
            execute format('alter table synkron.%I attach partition synkron.%I for values from (%L) to (%L)',
                parent, partition, month, month + interval '1 month');
        end loop;
        for partition in
            select child.relname
            from pg_inherits
            join pg_class child on child.oid = pg_inherits.inhrelid
            where pg_inherits.inhparent = ('synkron.' || parent)::regclass
              and case when child.relname ~ '_[0-9]{4}_[0-9]{2}$' then
                  to_timestamp(right(child.relname, 7), 'YYYY_MM') + interval '1 month' <= keep_after end
        loop
            -- A run that waits or runs keeps its month. The attempts come last, and go when their runs have gone.
            if parent = 'runs' then
                execute format('select exists (select from synkron.%I where state in (''claimed'', ''running''))', partition)
                    into is_needed;
            else
                is_needed := to_regclass('synkron.runs_' || right(partition, 7)) is not null;
            end if;
            if not is_needed then
                execute format('drop table synkron.%I', partition);
            end if;
        end loop;
    end loop;
end $$;
revoke all on function synkron.keep_partitions from public;

create function synkron.watermark_moves_forward() returns trigger language plpgsql as $$
begin
    if new.at < old.at then
        raise exception 'the watermark never moves back: % is before %', new.at, old.at;
    end if;
    return new;
end $$;

create trigger watermark_moves_forward before update on synkron.watermark
    for each row execute function synkron.watermark_moves_forward();

-- The ledger refuses to be rewritten where a check is cheap; `synkron verify` finds the rest. Of the columns that
-- these triggers name, Synkron itself updates only a run's state.
create function synkron.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%.% can not be changed like this: %', tg_table_schema, tg_table_name, tg_argv[0]
        using errcode = 'integrity_constraint_violation';
end $$;
revoke all on function synkron.refuse_change from public;

-- They run after the update, because a trigger that runs before it locks each row once more.
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
