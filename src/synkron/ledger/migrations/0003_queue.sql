-- How workers take jobs from the queue. The queue's tables are PgQueuer's, and `synkron migrate` installs them.

-- Takes up to `most` jobs of each type that may start, the oldest first, and the jobs of workers that gave no sign of
-- life for `patience`. No more jobs of a type are out than its limit (0: none), whoever took them: callers wait for
-- each other, and each sees what the one before took. PgQueuer's own statement looks for a free place for each job
-- among all places of its type, and repeats that for each job: it takes 37 s for 500 jobs under a limit of 2,000.
-- The function has its caller's rights. Everybody may call it, and it works for those who may change the queue.
create function synkron.take_jobs(most integer, types text[], limits bigint[], taker uuid, patience interval)
    returns setof synkron.queue language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
    moment timestamptz;
    room bigint;
begin
    -- The disk is not waited for. Taking is lost in a crash only together with all that came after, and the starts of the
    -- runs wait for the disk.
    set local synchronous_commit = off;
    perform pg_advisory_xact_lock(hashtext('synkron.take_jobs'));
    moment := clock_timestamp();
    for number in 1 .. cardinality(types) loop
        room := most;
        if limits[number] > 0 then
            select limits[number] - count(*) into room
            from synkron.queue
            where entrypoint = types[number] and status = 'picked';
        end if;
        continue when room <= 0;
        return query
            update synkron.queue set status = 'picked', updated = moment, heartbeat = moment, queue_manager_id = taker
            where id = any (array(
                select job.id
                from synkron.queue job
                where job.entrypoint = types[number] and job.status = 'queued' and job.execute_after <= moment
                order by job.execute_after
                limit least(most, room)
                for update skip locked
            ))
            returning *;
    end loop;
    return query
        update synkron.queue set updated = moment, heartbeat = moment, queue_manager_id = taker
        where id = any (array(
            select job.id
            from synkron.queue job
            where job.status = 'picked' and job.heartbeat < moment - patience and job.entrypoint = any (types)
            order by job.heartbeat
            limit most
            for update skip locked
        ))
        returning *;
end $$;
