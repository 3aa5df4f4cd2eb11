-- Incidents, their announcements, and silences.

-- name: alone
-- One scheduler at a time turns conditions into incidents; the others do nothing then.
select pg_try_advisory_xact_lock(hashtext('synkron.incidents'));

-- name: open
-- The open incidents of the kinds $1; kinds of a later release are left to it. Locked, so that no reminder is made
-- while somebody acknowledges one.
select id, kind, subject, org_id, integration_type, endpoint, title, detail, remedy, touches::text, since, opened_at,
    seen_at, acknowledged_at, acknowledged_by, closed_at, announced_at
from synkron.incidents
where closed_at is null and kind = any($1::text[])
order by id
for update;

-- name: recent
-- For each open incident: how many of the same kind and subject opened after $1 and have closed.
select again.kind, again.subject, count(*) as times
from synkron.incidents one
join synkron.incidents again on again.kind = one.kind and again.subject = one.subject
where one.closed_at is null and again.closed_at is not null and again.opened_at > $1
group by again.kind, again.subject;

-- name: silencing
-- The silences in effect at $1.
select org_id, integration_type, endpoint
from synkron.silences
where starts_at <= $1 and until > $1 and ended_at is null;

-- name: add
-- Insert new incidents, given as a JSON array.
insert into synkron.incidents (
    kind, subject, org_id, integration_type, endpoint, title, detail, remedy, touches, since, opened_at, seen_at,
    announced_at
)
select kind, subject, org_id, integration_type, endpoint, title, detail, remedy, touches, since, opened_at, seen_at,
    announced_at
from jsonb_populate_recordset(null::synkron.incidents, $1::jsonb)
returning id, kind, subject;

-- name: keep
-- Update open incidents, given as a JSON array.
update synkron.incidents one
set org_id = now.org_id, integration_type = now.integration_type, endpoint = now.endpoint, title = now.title,
    detail = now.detail, remedy = now.remedy, touches = now.touches, since = now.since, seen_at = now.seen_at,
    announced_at = now.announced_at
from jsonb_populate_recordset(null::synkron.incidents, $1::jsonb) now
where one.id = now.id;

-- name: close
-- Close the incidents $1 at $2, or when they opened if the clock was set back since.
update synkron.incidents set closed_at = greatest($2, opened_at) where id = any($1::bigint[]);

-- name: announce
-- One row for each channel of $3 and each incident of $1, with its occasion from $2.
insert into synkron.announcements (incident_id, transition, channel, made_at, next_attempt_at)
select told.incident_id, told.occasion, channel.name, $4, $4
from unnest($1::bigint[], $2::text[]) with ordinality as told (incident_id, occasion, place)
cross join unnest($3::text[]) with ordinality as channel (name, place)
order by told.place, channel.place;

-- name: is_reported
-- Whether the report $1 of the moment $2 was announced to any channel.
select exists (select from synkron.announcements where report = $1 and report_moment = $2);

-- name: announce_report
-- Announce the report $1 of the moment $2, with the message $3, to the channels $4 that it was not announced to. Returns
-- the numbers.
insert into synkron.announcements (report, report_moment, message, transition, channel, made_at, next_attempt_at)
select $1, $2, $3::jsonb, 'reported', channel.name, $5, $5
from unnest($4::text[]) with ordinality as channel (name, place)
order by channel.place
on conflict (report, report_moment, channel) do nothing
returning id;

-- name: claim
-- The announcements due at $2: for each channel of $1 the oldest, and for those that are also in $4, all others of
-- incidents with the same moment and occasion, which go into one message; only the first of them leads to the others.
-- Nobody else tries them during the lease $3; an attempt whose process dies is repeated after it. Earlier announcements
-- of the same incident go first.
with first as (
    select oldest.id
    from unnest($1::text[]) as channel (name)
    cross join lateral (
        select one.id
        from synkron.announcements one
        where one.channel = channel.name and one.next_attempt_at <= $2
            and one.sent_at is null and one.given_up_at is null
            and not exists (
                select from synkron.announcements earlier
                where earlier.incident_id = one.incident_id and earlier.channel = one.channel and earlier.id < one.id
                    and earlier.sent_at is null and earlier.given_up_at is null
            )
            and not exists (
                select from synkron.announcements ahead
                where one.channel = any($4::text[])
                    and ahead.channel = one.channel and ahead.made_at = one.made_at
                    and ahead.transition = one.transition and ahead.id < one.id
                    and ahead.incident_id is not null
                    and ahead.sent_at is null and ahead.given_up_at is null
            )
        order by one.next_attempt_at, one.id
        limit 1
        for update skip locked
    ) oldest
),
due as (
    select id from first
    union
    select others.id
    from first
    join synkron.announcements leader on leader.id = first.id and leader.channel = any($4::text[])
    cross join lateral (
        select one.id
        from synkron.announcements one
        where one.channel = leader.channel and one.made_at = leader.made_at and one.transition = leader.transition
            and one.next_attempt_at <= $2 and one.sent_at is null and one.given_up_at is null
            and one.incident_id is not null
            and not exists (
                select from synkron.announcements earlier
                where earlier.incident_id = one.incident_id and earlier.channel = one.channel and earlier.id < one.id
                    and earlier.sent_at is null and earlier.given_up_at is null
            )
        for update
    ) others
),
claimed as (
    update synkron.announcements one
    set next_attempt_at = $2 + $3::interval, attempts = one.attempts + 1
    from due
    where one.id = due.id
    returning one.id, one.incident_id, one.report, one.message, one.transition, one.channel, one.made_at,
        one.attempts
)
select
    claimed.id as number, claimed.report, claimed.message::text, claimed.transition, claimed.channel, claimed.made_at,
    claimed.attempts,
    i.id, i.kind, i.subject, i.org_id, i.integration_type, i.endpoint, i.title, i.detail, i.remedy, i.touches::text,
    i.since, i.opened_at, i.seen_at, i.acknowledged_at, i.acknowledged_by, i.closed_at, i.announced_at
from claimed
left join synkron.incidents i on i.id = claimed.incident_id
order by claimed.id;

-- name: sent
update synkron.announcements set sent_at = $2, error = null
where id = any($1::bigint[]) and sent_at is null and given_up_at is null;

-- name: failed
-- Try again at $3; if that is null, it is given up at $4.
update synkron.announcements
set error = $2, next_attempt_at = coalesce($3, next_attempt_at),
    given_up_at = case when $3::timestamptz is null then $4::timestamptz end
where id = any($1::bigint[]) and sent_at is null and given_up_at is null;

-- name: abandon
-- Give up announcements that nobody has tried for an hour and whose channel is not in $1: no process has it any more.
update synkron.announcements
set given_up_at = $2, error = 'the channel ' || channel || ' is no longer in the settings'
where sent_at is null and given_up_at is null and channel <> all($1::text[])
    and next_attempt_at < $2::timestamptz - interval '1 hour'
returning id, channel;

-- name: incidents
-- The open incidents, or with $1 all, the newest first. Filters, if not null: opened from $2 on, kind $3, organization
-- $4, type $5. A page begins after the one opened at $7 with the number $8.
select id, kind, subject, org_id, integration_type, endpoint, title, detail, remedy, touches::text, since, opened_at,
    seen_at, acknowledged_at, acknowledged_by, closed_at, announced_at
from synkron.incidents
where ($1 or closed_at is null)
    and ($2::timestamptz is null or opened_at >= $2)
    and ($3::text is null or kind = $3)
    and ($4::text is null or org_id = $4)
    and ($5::text is null or integration_type = $5)
    and ($7::timestamptz is null or (opened_at, id) < ($7, $8::bigint))
order by opened_at desc, id desc
limit $6;

-- name: incident
select id, kind, subject, org_id, integration_type, endpoint, title, detail, remedy, touches::text, since, opened_at,
    seen_at, acknowledged_at, acknowledged_by, closed_at, announced_at
from synkron.incidents
where id = $1;

-- name: announcements
-- The announcements of one incident, and their results.
select id, transition, channel, made_at, next_attempt_at, attempts, sent_at, given_up_at, error
from synkron.announcements
where incident_id = $1
order by id;

-- name: acknowledge
update synkron.incidents set acknowledged_at = $2, acknowledged_by = $3 where id = $1;

-- name: is_known
-- Whether the organization $1, the type $2 and the endpoint $3 are known; null counts as known. With $4, only incidents
-- about this organization count.
-- Scans: the incidents, once, for a command.
select
    ($1::text is null or exists (select from synkron.incidents where org_id = $1))
    and ($2::text is null or exists (
        select from synkron.incidents where integration_type = $2 and ($4::text is null or org_id = $4)
    ))
    and ($3::text is null or exists (select from synkron.health where endpoint = $3)
        or exists (select from synkron.incidents where endpoint = $3));

-- name: endpoints
select endpoint from synkron.health order by endpoint;

-- name: add_silence
insert into synkron.silences (org_id, integration_type, endpoint, reason, author, starts_at, until)
values ($1, $2, $3, $4, $5, $6, $7)
returning id;

-- name: end_silence
update synkron.silences set ended_at = $2, ended_by = $3 where id = $1;

-- name: silences
-- The silences in effect at $2, or with $1 all, the newest first. `state` is active, over (it expired) or ended (by
-- hand). Filters, if not null: about something of the organization $3 and of the type $4; of the organization $5 alone;
-- the number $6. A page of $9 begins after the one that began at $7 with the number $8.
select id, org_id, integration_type, endpoint, reason, author, starts_at, until, ended_at, ended_by,
    case
        when ended_at is not null then 'ended'
        when until <= $2 then 'over'
        else 'active'
    end as state
from synkron.silences
where ($1 or (ended_at is null and until > $2))
    and ($3::text is null or coalesce(org_id, $3) = $3)
    and ($4::text is null or coalesce(integration_type, $4) = $4)
    and ($5::text is null or org_id = $5)
    and ($6::bigint is null or id = $6)
    and ($7::timestamptz is null or (starts_at, id) < ($7, $8::bigint))
order by starts_at desc, id desc
limit $9;

-- name: forget
-- Delete incidents that closed, silences that ended, and reports that were announced before $1.
-- Scans: the incidents, silences and announcements of the retention, once an hour.
with silences as (
    delete from synkron.silences where coalesce(ended_at, until) < $1
),
reports as (
    delete from synkron.announcements where incident_id is null and made_at < $1
)
delete from synkron.incidents where closed_at < $1;
