-- Who may ask over HTTP: tokens of programs, and people with their sessions. Secrets are here as their SHA-256 alone:
-- each has 256 random bits, so that nobody finds it from its hash. Passwords are hashed with Argon2id.

-- What programs ask with. An organization's token sees nothing of others.
create table synkron.tokens (
    id bigint generated always as identity primary key,
    name text not null check (name <> ''),
    permission text not null check (permission in ('read', 'operate', 'admin')),
    org_id text,
    secret_hash bytea not null unique check (length(secret_hash) = 32),
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    last_used_at timestamptz,
    constraint tokens_expire_after_they_are_made check (expires_at > created_at),
    constraint tokens_are_revoked_by_somebody check ((revoked_at is null) = (revoked_by is null))
);
-- One name names one token; a revoked one's is free again.
create unique index tokens_by_name on synkron.tokens (name) where revoked_at is null;

-- Who logs in, by a password that is kept here, or with an identity provider, which knows them.
create table synkron.people (
    name text primary key check (name <> ''),
    permission text not null check (permission in ('read', 'operate', 'admin')),
    org_id text,
    password_hash text check (password_hash <> ''),
    is_of_provider boolean not null,
    created_at timestamptz not null default now(),
    created_by text not null,
    last_login_at timestamptz,
    disabled_at timestamptz,
    disabled_by text,
    constraint people_have_a_password_or_a_provider check (is_of_provider = (password_hash is null)),
    constraint people_are_disabled_by_somebody check ((disabled_at is null) = (disabled_by is null))
);

-- Links that log a person in once, made at the command line in their name.
create table synkron.login_links (
    secret_hash bytea primary key check (length(secret_hash) = 32),
    name text not null check (name <> ''),
    permission text not null check (permission in ('read', 'operate', 'admin')),
    org_id text,
    expires_at timestamptz not null
);

-- Who is logged in. What a person may is read from `people` at each request; only who came by a link has it here.
create table synkron.sessions (
    secret_hash bytea primary key check (length(secret_hash) = 32),
    person text references synkron.people (name) on delete cascade,
    name text check (name <> ''),
    permission text check (permission in ('read', 'operate', 'admin')),
    org_id text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint sessions_are_a_person_s_or_of_a_link check (
        case when person is null
            then num_nonnulls(name, permission) = 2
            else num_nonnulls(name, permission, org_id) = 0
        end
    ),
    constraint sessions_end_after_they_begin check (expires_at > created_at)
);
-- Queries access.end_sessions and access.people: which are this person's?
create index sessions_by_name on synkron.sessions ((coalesce(person, name)));

-- Logins by password that failed, or are being checked. The name is a hash: people type their password there, too.
create table synkron.login_attempts (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    name_hash bytea not null check (length(name_hash) = 32),
    address text not null
);
-- Query access.attempts_lately: how many of this name, how many from this address?
create index login_attempts_by_name on synkron.login_attempts (name_hash, at);
create index login_attempts_by_address on synkron.login_attempts (address, at);

-- Logins that an identity provider has not answered yet. `browser_hash` is of a cookie: who began it must end it.
create table synkron.provider_logins (
    state_hash bytea primary key check (length(state_hash) = 32),
    browser_hash bytea not null check (length(browser_hash) = 32),
    nonce text not null,
    verifier text not null,
    next_page text not null,
    expires_at timestamptz not null
);
-- Query access.add_provider_login: which are over?
create index provider_logins_by_end on synkron.provider_logins (expires_at);

-- What was answered to requests with an Idempotency-Key, so that a request that comes again is answered the same and
-- changes nothing. Written in the transaction of the change.
create table synkron.answers (
    actor text not null,
    key text not null check (length(key) between 1 and 255),
    request text not null,
    body_hash bytea not null check (length(body_hash) = 32),
    status integer check (status between 200 and 599),
    body text,
    created_at timestamptz not null default now(),
    primary key (actor, key),
    constraint answers_have_a_status_and_a_body check ((status is null) = (body is null))
);
-- Query retention.forget: which are older than a day?
create index answers_by_age on synkron.answers (created_at);
