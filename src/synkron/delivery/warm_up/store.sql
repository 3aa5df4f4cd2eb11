-- When the types' targets were last called.

-- name: exchange
-- Writes that the targets of the types $1 were called at $2. Returns when those of the types $3 were last called, as
-- known before this write. A time never moves back. Rows are written in the order of their names, so that workers can't
-- deadlock.
with told as (
    insert into synkron.warmth as known (integration_type, met_at)
    select integration_type, met_at from unnest($1::text[], $2::timestamptz[]) met (integration_type, met_at)
    order by integration_type
    on conflict (integration_type) do update set met_at = excluded.met_at
        where excluded.met_at > known.met_at
)
select integration_type, met_at from synkron.warmth where integration_type = any($3::text[]);
