-- Overrides, pauses and holds that a tick obeys.

-- name: overrides
-- The overrides of these integrations.
select integration_id, {overrides[overrides]} from synkron.overrides where integration_id = any($1::text[]);
