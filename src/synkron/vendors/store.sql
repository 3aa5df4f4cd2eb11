-- What is known about the vendors' endpoints, and the contacts that show it.

-- name: keep
-- Ensures a row for each endpoint $1, with the types $2 (each a list with commas); $3 says whether it is probed. Rows
-- that are already right are only read.
insert into synkron.health as known (endpoint, integration_types, since, next_probe_at)
select endpoint, string_to_array(types, ','), $4::timestamptz, case when probes then $4::timestamptz end
from unnest($1::text[], $2::text[], $3::boolean[]) watched (endpoint, types, probes)
where not exists (
    select from synkron.health already
    where already.endpoint = watched.endpoint and already.integration_types = string_to_array(watched.types, ',')
)
order by endpoint
on conflict (endpoint) do update set integration_types = excluded.integration_types;

-- name: drop_unwatched
-- Deletes endpoints that the settings no longer name, a day after their last contact: until then, another host may
-- still have the old settings.
delete from synkron.health
where endpoint <> all($1::text[]) and coalesce(sampled_at, since) < $2::timestamptz - interval '1 day';

-- name: known
-- The endpoints $1, with the number of their probes in the month of $2 (UTC).
select known.*, coalesce(spend.probes, 0) as probes, coalesce(spend.counted, 0) as counted
from synkron.health known
left join synkron.probe_spend spend
    on spend.endpoint = known.endpoint and spend.month = date_trunc('month', $2::timestamptz at time zone 'UTC')::date
where known.endpoint = any($1::text[])
order by known.endpoint;

-- name: all
select * from synkron.health order by endpoint;

-- name: claim
-- requirement R18.2, R18.4
-- Claims the right to probe the endpoint $1 at $2, and counts the probe. No row: another process has the right, or no
-- probe is allowed. The next probe is 15 minutes later at the earliest, even if this host is lost. $3 is the month's
-- limit of probes that the vendor counts (null: it counts none). With $4, only a probe that is due is claimed.
-- Two claims at once can't exceed the month's limit: both update one row, so the second waits for the first and is then
-- refused, because the last probe was less than 15 minutes ago.
with claimed as (
    update synkron.health set probed_at = $2, next_probe_at = $2::timestamptz + interval '15 minutes'
    where endpoint = $1
        and next_probe_at is not null
        and (not $4::boolean or next_probe_at <= $2)
        and (probed_at is null or probed_at <= $2::timestamptz - interval '15 minutes')
        and (passive_until is null or passive_until <= $2)
        and ($3::integer is null or $3 > coalesce((
            select counted from synkron.probe_spend spend
            where spend.endpoint = $1
                and spend.month = date_trunc('month', $2::timestamptz at time zone 'UTC')::date
        ), 0))
    returning *
), spent as (
    insert into synkron.probe_spend as spend (endpoint, month, probes, counted)
    select endpoint, date_trunc('month', $2::timestamptz at time zone 'UTC')::date, 1, ($3::integer is not null)::integer
    from claimed
    on conflict (endpoint, month) do update set
        probes = spend.probes + 1, counted = spend.counted + excluded.counted
)
select * from claimed;

-- name: lock
-- One endpoint, locked until the transaction ends, so that samples are added one after the other.
select * from synkron.health where endpoint = $1 for update;

-- name: write
update synkron.health set
    verdict = $2, reason = $3, known_by = $4, since = $5, sampled_at = $6, next_probe_at = $7, method = $8,
    failures = $9, failed_runs = $10, throttles = $11, passive_until = $12, failed_org_id = $13,
    probed_at = greatest(probed_at, $14)
where endpoint = $1;

-- name: add_samples
-- Adds samples of the endpoint $1, and counts them in its hours, which are in UTC.
with sample as (
    insert into synkron.samples (endpoint, at, source, finding, reason, contacts, latency, http_status, resets_at)
    select $1, at, source, finding, reason, contacts, latency, http_status, resets_at
    from unnest(
        $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::interval[], $8::integer[],
        $9::timestamptz[]
    ) sample (at, source, finding, reason, contacts, latency, http_status, resets_at)
    returning at, source, finding, contacts
)
insert into synkron.health_hours as known
    (endpoint, hour, healthy, degraded, unreachable, unauthorized, throttled, probes)
select
    $1, date_trunc('hour', at, 'UTC'),
    coalesce(sum(contacts) filter (where finding = 'healthy'), 0),
    coalesce(sum(contacts) filter (where finding = 'degraded'), 0),
    coalesce(sum(contacts) filter (where finding = 'unreachable'), 0),
    coalesce(sum(contacts) filter (where finding = 'unauthorized'), 0),
    coalesce(sum(contacts) filter (where finding = 'throttled'), 0),
    coalesce(sum(contacts) filter (where source = 'probe'), 0)
from sample
group by date_trunc('hour', at, 'UTC')
on conflict (endpoint, hour) do update set
    healthy = known.healthy + excluded.healthy, degraded = known.degraded + excluded.degraded,
    unreachable = known.unreachable + excluded.unreachable, unauthorized = known.unauthorized + excluded.unauthorized,
    throttled = known.throttled + excluded.throttled, probes = known.probes + excluded.probes;

-- name: hours
-- The hours of the endpoints $1 from $2 on, the oldest first.
select endpoint, hour, healthy, degraded, unreachable, unauthorized, throttled, probes
from synkron.health_hours
where endpoint = any($1::text[]) and hour >= $2
order by endpoint, hour;

-- name: samples
-- The newest samples of the endpoint $1 from before $2, if not null: at least $3 if there are so many, and all that are
-- of the same moment as the last. Plan: the index samples_oldest, backwards.
select at, source, finding, reason, contacts, latency, http_status, resets_at
from synkron.samples
where endpoint = $1 and ($2::timestamptz is null or at < $2)
order by at desc
fetch first ($3::bigint) rows with ties;

-- name: forget
-- Keeps samples for 7 days, hours for 90 days and counts of probes for 14 months. Uses samples_oldest.
with samples as (
    delete from synkron.samples where at < $1::timestamptz - interval '7 days'
), hours as (
    delete from synkron.health_hours where hour < $1::timestamptz - interval '90 days'
)
delete from synkron.probe_spend where month < ($1::timestamptz at time zone 'UTC' - interval '14 months')::date;
