-- The one clock.

-- name: clock
select now();
