-- Errors inside Synkron itself.

-- name: note
-- Records an error in the process $1, in its loop $2, with an exception of the class $3, at the place $4. Deletes
-- errors that are a week old. Plan: the primary key and the index internal_faults_newest; at most a thousand rows.
with forgotten as (
    delete from synkron.internal_faults where last_at < now() - interval '7 days'
)
insert into synkron.internal_faults as known (node, loop, error, place)
select left($1, 300), left($2, 100), left($3, 100), left($4, 200)
where (select count(*) from synkron.internal_faults) < 1000
    or exists (
        select from synkron.internal_faults one
        where one.node = left($1, 300) and one.loop = left($2, 100)
            and one.error = left($3, 100) and one.place = left($4, 200)
    )
on conflict (node, loop, error, place) do update
set times = known.times + 1, last_at = greatest(known.last_at, now());
