-- Which vendors runs are held for.

-- name: down
-- Those of the types $1 whose endpoint has one of the verdicts $2.
select asked.integration_type
from unnest($1::text[]) asked (integration_type)
where exists (
    select from synkron.health where asked.integration_type = any (integration_types) and verdict = any ($2::text[])
);
