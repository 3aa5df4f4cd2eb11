-- Who may ask over HTTP: tokens, people, sessions, and the logins that lead to them.

-- name: actor_of_token
-- Who has the secret with the hash $1. When it was last used is noted once a minute, by one of the requests of that
-- minute; the others do not wait for it.
with due as (
    select id from synkron.tokens
    where secret_hash = $1
        and revoked_at is null
        and coalesce(expires_at > now(), true)
        and coalesce(last_used_at < now() - interval '1 minute', true)
    for no key update skip locked
),
noted as (
    update synkron.tokens set last_used_at = now() from due where tokens.id = due.id
)
select 'token:' || name as name, permission, org_id
from synkron.tokens
where secret_hash = $1 and revoked_at is null and coalesce(expires_at > now(), true);

-- name: add_token
insert into synkron.tokens (name, permission, org_id, expires_at, secret_hash, created_by)
values ($1, $2, $3, $4, $5, $6);

-- name: revoke_token
update synkron.tokens set revoked_at = now(), revoked_by = $2 where id = $1;

-- name: tokens
-- Those that are not revoked, or with $1 all, the newest first; with $2, only those of this name. `state` is active,
-- expired or revoked. A page of $4 begins after the one with the number $3.
select id, name, permission, org_id, created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at,
    case
        when revoked_at is not null then 'revoked'
        when expires_at <= now() then 'expired'
        else 'active'
    end as state
from synkron.tokens
where ($1 or revoked_at is null) and ($2::text is null or name = $2) and ($3::bigint is null or id < $3)
order by id desc
limit $4;

-- name: people
-- All by name, or the one with the name $1, with the number of their sessions.
select name, permission, org_id, is_of_provider, created_at, created_by, last_login_at, disabled_at, disabled_by,
    (
        select count(*) from synkron.sessions
        where coalesce(person, sessions.name) = people.name and expires_at > now()
    )::integer as sessions
from synkron.people
where $1::text is null or name = $1
order by name;

-- name: add_person
insert into synkron.people (name, permission, org_id, password_hash, is_of_provider, created_by)
values ($1, $2, $3, $4, false, $5)
on conflict do nothing
returning name;

-- name: permit_person
update synkron.people set permission = $2, org_id = $3 where name = $1;

-- name: disable_person
update synkron.people set disabled_at = now(), disabled_by = $2 where name = $1;

-- name: enable_person
update synkron.people set disabled_at = null, disabled_by = null where name = $1;

-- name: set_password
update synkron.people set password_hash = $2 where name = $1;

-- name: end_sessions
-- Of the person $1, or of who came by a link in this name.
delete from synkron.sessions where coalesce(person, name) = $1 returning true;

-- name: attempt
-- Note that a password is tried, before it is checked: whoever tries many at once is counted as well.
insert into synkron.login_attempts (name_hash, address) values ($1, $2) returning id;

-- name: attempts_lately
-- How many of the name $1, and how many from the address $2, failed or are being checked.
select
    (select count(*) from synkron.login_attempts where name_hash = $1 and at > now() - $3::interval) as of_name,
    (select count(*) from synkron.login_attempts where address = $2 and at > now() - $3::interval) as from_address;

-- name: drop_attempt
delete from synkron.login_attempts where id = $1;

-- name: drop_attempts
-- The password was right: what the person mistyped at this address counts no more.
delete from synkron.login_attempts where name_hash = $1 and address = $2;

-- name: password_of
select password_hash from synkron.people where name = $1 and disabled_at is null;

-- name: begin_session_of
-- A session of the person $1, if they are not disabled and their password is still the one with the hash $2, which is
-- null for a provider's.
with person as (
    update synkron.people set last_login_at = now()
    where name = $1 and disabled_at is null and password_hash is not distinct from $2
    returning name, permission, org_id
),
session as (
    insert into synkron.sessions (secret_hash, person, expires_at)
    select $3, name, now() + $4::interval from person
)
select 'person:' || name as name, permission, org_id from person;

-- name: set_rehashed
-- The same password, hashed as this release does.
update synkron.people set password_hash = $3 where name = $1 and password_hash = $2;

-- name: keep_provider_s_person
-- Who the provider says may come in, with what they may now. Nothing, if the name is disabled or has a password here.
insert into synkron.people (name, permission, org_id, is_of_provider, created_by)
values ($1, $2, $3, true, 'person:' || $1)
on conflict (name) do update set permission = excluded.permission, org_id = excluded.org_id
where people.is_of_provider and people.disabled_at is null
returning name;

-- name: add_link
insert into synkron.login_links (secret_hash, name, permission, org_id, expires_at)
values ($1, $2, $3, $4, now() + $5::interval)
returning expires_at;

-- name: take_link
-- Once: of two that take it, one finds nothing.
delete from synkron.login_links where secret_hash = $1 and expires_at > now() returning name, permission, org_id;

-- name: begin_session_by_link
insert into synkron.sessions (secret_hash, name, permission, org_id, expires_at)
values ($1, $2, $3, $4, now() + $5::interval);

-- name: actors_of
-- Who has the hashes $1, each of a session or of a token. What a person may is what they may now.
select
    sessions.secret_hash,
    'person:' || coalesce(people.name, sessions.name) as name,
    coalesce(people.permission, sessions.permission) as permission,
    case when sessions.person is null then sessions.org_id else people.org_id end as org_id
from synkron.sessions
left join synkron.people on people.name = sessions.person
where sessions.secret_hash = any($1::bytea[]) and sessions.expires_at > now() and people.disabled_at is null
union all
select secret_hash, 'token:' || name, permission, org_id
from synkron.tokens
where secret_hash = any($1::bytea[]) and revoked_at is null and coalesce(expires_at > now(), true);

-- name: end_session
delete from synkron.sessions where secret_hash = $1
returning 'person:' || coalesce(person, name),
    coalesce(org_id, (select people.org_id from synkron.people where people.name = person));

-- name: add_provider_login
with expired as (delete from synkron.provider_logins where expires_at < now())
insert into synkron.provider_logins (state_hash, browser_hash, nonce, verifier, next_page, expires_at)
values ($1, $2, $3, $4, $5, now() + $6::interval);

-- name: take_provider_login
-- Once, and only for the browser that began it. Another one's attempt ends it, too.
with taken as (
    delete from synkron.provider_logins
    where state_hash = $1
    returning browser_hash, nonce, verifier, next_page, expires_at
)
select nonce, verifier, next_page from taken where browser_hash = $2 and expires_at > now();

-- name: begin_answer
-- Nothing, where there is such a key already: another transaction that has it is waited for.
insert into synkron.answers (actor, key, request, body_hash) values ($1, $2, $3, $4)
on conflict (actor, key) do update
set request = excluded.request, body_hash = excluded.body_hash, status = null, body = null, created_at = now()
where answers.created_at <= now() - interval '24 hours'
returning true;

-- name: answer
select request, body_hash, status, body from synkron.answers where actor = $1 and key = $2;

-- name: keep_answer
update synkron.answers set status = $3, body = $4 where actor = $1 and key = $2;
