-- Warm-ups: what they read, and their results.

-- name: last_met
-- The database's clock, and when the targets of the types $1 were last called; null if that is not known.
select clock_timestamp() as at, asked.integration_type, warmth.met_at
from unnest($1::text[]) asked (integration_type)
left join synkron.warmth using (integration_type);

-- name: record
-- Records the warm-ups that were sent at $1 for the types $2, whose first runs come at $3, with their results $4 to $7:
-- status, duration, warmth and error. The types $8 were called at $9. Rows are written in the order of their names, as
-- in store.exchange.
with sent as (
    insert into synkron.warm_ups (integration_type, at, scheduled_for, http_status, duration, warmth, error)
    select integration_type, $1, scheduled_for, http_status, duration, warmth, error
    from unnest($2::text[], $3::timestamptz[], $4::integer[], $5::interval[], $6::text[], $7::text[])
        met (integration_type, scheduled_for, http_status, duration, warmth, error)
)
insert into synkron.warmth as known (integration_type, met_at)
select integration_type, met_at from unnest($8::text[], $9::timestamptz[]) met (integration_type, met_at)
order by integration_type
on conflict (integration_type) do update set met_at = excluded.met_at
    where excluded.met_at > known.met_at;

-- name: forget
delete from synkron.warm_ups where at < $1;
