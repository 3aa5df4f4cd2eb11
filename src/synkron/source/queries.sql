-- What reads of the application's tables need before them.

-- name: secure
-- A role that row security would filter gets an error instead of a short answer (G8). The best plan depends on the
-- arrays that the due read is given, so it is never a generic one. Compiling it, or starting processes for branches that
-- are then left out, would take longer than running it; and what is read twice a minute lies in memory.
set local row_security = off;
set local plan_cache_mode = force_custom_plan;
set local jit = off;
set local max_parallel_workers_per_gather = 0;
set local random_page_cost = 1.1;

-- name: id_type
-- The type of the integrations' id, as it is written in SQL.
select format_type(atttypid, atttypmod) from pg_attribute
where attrelid = '{integrations}'::regclass and attname = '{integrations_id}';
