-- Which vendors runs are held for.

-- name: down
-- Those of the endpoints $1 that have one of the verdicts $2.
select endpoint from synkron.health where endpoint = any ($1::text[]) and verdict = any ($2::text[]);
