-- When the types' targets were met last.

-- name: exchange
-- The types $1 were met at $2; answers when those of $3 were, as far as it was known before. It never moves back. Rows
-- are taken in the order of their names, so that workers don't block each other in a circle.
with told as (
    insert into synkron.warmth as known (integration_type, met_at)
    select integration_type, met_at from unnest($1::text[], $2::timestamptz[]) met (integration_type, met_at)
    order by integration_type
    on conflict (integration_type) do update set met_at = excluded.met_at
        where excluded.met_at > known.met_at
)
select integration_type, met_at from synkron.warmth where integration_type = any($3::text[]);
