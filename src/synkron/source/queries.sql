-- What reads of the application's tables need before them.

-- name: secure
-- If row security would hide rows from the role, it gets an error instead of fewer rows (G8). The best plan of the due
-- read depends on its array parameters: no generic plan. JIT compilation, and parallel workers for branches that are
-- not executed, would take longer than the statement. Pages that are read twice a minute are in memory.
set local row_security = off;
set local plan_cache_mode = force_custom_plan;
set local jit = off;
set local max_parallel_workers_per_gather = 0;
set local random_page_cost = 1.1;

-- name: id_type
-- The SQL type of the integrations' id.
select format_type(atttypid, atttypmod) from pg_attribute
where attrelid = '{integrations}'::regclass and attname = '{integrations_id}';
