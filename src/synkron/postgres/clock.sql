-- name: clock
select now();
