-- The vendors whose runs are held.

-- name: down
-- Those of the endpoints $1 whose verdict is one of $2.
select endpoint from synkron.health where endpoint = any ($1::text[]) and verdict = any ($2::text[]);
