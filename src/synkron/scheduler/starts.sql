-- The starts that were allotted to paced types, by minute.

-- name: starts
-- The starts that were allotted from the minute $1 on.
select integration_type, minute, starts from synkron.pace where minute >= $1;

-- name: allot
insert into synkron.pace as known (integration_type, minute, starts)
select * from unnest($1::text[], $2::timestamptz[], $3::integer[])
on conflict (integration_type, minute) do update set starts = known.starts + excluded.starts;

-- name: forget_starts
delete from synkron.pace where minute < $1;
