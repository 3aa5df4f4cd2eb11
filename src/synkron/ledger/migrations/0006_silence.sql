-- What went wrong inside Synkron itself, of which the incidents `internal_fault` are made.

-- A row for each process, loop, class of the exception and place in the code. Texts of exceptions may hold what came from
-- outside, and are not kept. A thousand rows at most, and none for longer than a week.
create table synkron.internal_faults (
    node text not null,
    loop text not null,
    error text not null,
    place text not null,
    times bigint not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    primary key (node, loop, error, place),
    check (times > 0),
    check (last_at >= first_at),
    check (length(node) <= 300 and length(loop) <= 100 and length(error) <= 100 and length(place) <= 200)
);
alter table synkron.internal_faults enable row level security;

-- Those that came again lately: conditions.internal_faults.
create index internal_faults_newest on synkron.internal_faults (last_at);
