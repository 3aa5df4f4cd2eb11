-- The current rows whose moments no tick decides.

-- name: left_out
-- The rows on hold, with the time since which they are undecided and why; and those with a value that can't be used.
-- Limited to the organization $1, the type $2 and the integration $3 if they are given.
-- Scans: both tables, once for a report.
select
    {row},
    {doubled} as doubled,
    h.since as held_since,
    h.reason as held_for
from {rows}
left join synkron.held h on h.integration_id = i.id::text
where i.is_enabled and i.cron_schedule is not null
    and (h.since is not null or coalesce({oddity}, {doubled}) is not null)
    and ($1::text is null or i.org_id::text = $1) and ($2::text is null or i.integration_type::text = $2)
    and ($3::text is null or i.id::text = $3);

-- name: decided
-- The decided moments of the integrations $1 after $2, up to $3.
select integration_id, array_agg(scheduled_for) as moments
from synkron.runs
where integration_id = any($1::text[]) and scheduled_for > $2 and scheduled_for <= $3 and source <> 'manual'
group by integration_id;

-- name: last
-- The last decided moment of each of the integrations $1 that has one. Plan: the newest entry of the index runs_once.
select asked.id as integration_id, last.scheduled_for as at
from unnest($1::text[]) asked (id)
cross join lateral (
    select scheduled_for from synkron.runs
    where runs.integration_id = asked.id and source_class = 'schedule'
    order by scheduled_for desc
    limit 1
) last;
