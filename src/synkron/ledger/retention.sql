-- The partitions: made ahead of time, dropped when they are older than the retention.

-- name: keep_partitions
-- Creates the missing partitions from $1 to $2, and drops none: a tick must not wait for a session that reads an old
-- one, nor everybody else for the tick. Creating one waits for sessions that hold `share update exclusive` on the
-- parents (analyze, vacuum, create index concurrently). If none is missing, no lock is taken.
select synkron.keep_partitions($1, $2, '-infinity');

-- name: make_partitions_ahead
select synkron.keep_partitions(now(), now() + interval '62 days', '-infinity');

-- name: wait_briefly
set local lock_timeout = '1s';

-- name: drop_partitions
-- The present month's partition exists, so none is created.
select synkron.keep_partitions(now(), now(), $1);

-- name: forget
-- Deletes old records of the queue and of ticks, and what has expired of access: tokens once they are older than the
-- retention, answers after a day. Runs are deleted with their partition.
-- Scans: the tokens, links, sessions and logins, once an hour; each is as short as the people and programs are few.
with queue_log as (delete from synkron.queue_log where created < $1::timestamptz - interval '7 days'),
    queue_statistics as (delete from synkron.queue_statistics where created < $1::timestamptz - interval '7 days'),
    tokens as (delete from synkron.tokens where least(revoked_at, expires_at) < $2::timestamptz),
    login_links as (delete from synkron.login_links where expires_at < $1::timestamptz),
    sessions as (delete from synkron.sessions where expires_at < $1::timestamptz),
    login_attempts as (delete from synkron.login_attempts where at < $1::timestamptz - interval '1 hour'),
    provider_logins as (delete from synkron.provider_logins where expires_at < $1::timestamptz),
    answers as (delete from synkron.answers where created_at < $1::timestamptz - interval '24 hours')
delete from synkron.ticks where at < $2::timestamptz;
