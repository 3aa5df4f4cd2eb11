-- What reads of the application's tables need before them.

-- name: secure
-- Whether the tables may be read in this transaction, and its settings. The tables are locked until it ends, so no policy
-- can change after `refusal` has looked. Where row security does not apply to the role it is off: what a view reads then
-- fails instead of returning fewer rows. The best plan of the due read depends on its array parameters: no generic plan.
-- JIT compilation, and parallel workers for branches that are not executed, would take longer than the statement. Pages
-- that are read twice a minute are in memory.
select
    {refusal} as refusal,
    set_config(
        'row_security',
        case when row_security_active('{integrations}') or row_security_active('{organizations}') then 'on' else 'off' end,
        true
    ),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('jit', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true),
    set_config('random_page_cost', '1.1', true),
    exists (select from {integrations} limit 0) or exists (select from {organizations} limit 0) as locked;
