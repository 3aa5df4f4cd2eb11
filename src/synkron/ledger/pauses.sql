-- What statements about `runs` say of pauses, put into them in braces. GIVEN is what stands in the brackets.

-- name: holds
-- Whether the pause GIVEN is about the run.
(GIVEN.org_id is null or GIVEN.org_id = runs.org_id)
and (GIVEN.integration_type is null or GIVEN.integration_type = runs.integration_type)
and (GIVEN.integration_id is null or GIVEN.integration_id = runs.integration_id)

-- name: paused
-- Whether the run is paused at the moment GIVEN.
exists (
    select from synkron.pauses
    where pauses.ended_at is null
        and pauses.starts_at <= GIVEN
        and (pauses.until is null or pauses.until > GIVEN)
        and {holds[pauses]}
)
