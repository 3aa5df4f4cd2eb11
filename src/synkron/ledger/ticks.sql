-- The rows of the ticks, and the watermark.

-- name: newest
-- The newest tick that moved the watermark. Plan: the index ticks_newest.
select at, scheduler, source from synkron.ticks where {moves_watermark[ticks]} order by at desc limit 1;

-- name: ticks
-- The ticks, replays and claims of pg_cron among them, the newest first. A page begins after that of $1, number $2.
-- Plan: the index ticks_newest.
select id, at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid
from synkron.ticks
where $1::timestamptz is null or at <= $1 and (at, id) < ($1, $2::bigint)
order by at desc, id desc
limit $3;

-- name: first_watermark
-- The first tick starts half a minute ago: it never runs the past.
insert into synkron.watermark (at) values (now() - interval '30 seconds') on conflict (one) do nothing;

-- name: watermark
select at from synkron.watermark for update;

-- name: move_watermark
update synkron.watermark set at = greatest(at, $1);

-- name: record_tick
insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid, snapshot)
values ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8::text::pg_snapshot)
returning id;

-- name: complete_tick
update synkron.ticks set claimed = $2, skipped = $3 where id = $1;
