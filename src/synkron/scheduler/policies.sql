-- Overrides, pauses and holds that a tick obeys.

-- name: overrides
-- The overrides of these integrations.
select integration_id, catch_up, catch_up_window, overlap, spread, attempts, backoff, timeout, completion_timeout
from synkron.overrides where integration_id = any($1::text[]);
