-- Grants alone decide who reads and writes Synkron's tables. Row security would show a role with a grant but without a
-- policy no rows at all, and no error, so every role of a service needed BYPASSRLS. A partition keeps it: it is read
-- through its parent, whose rules count.
do $$
declare
    secured regclass;
begin
    for secured in
        select oid from pg_class
        where relnamespace = 'synkron'::regnamespace and relrowsecurity and not relispartition
    loop
        execute format('alter table %s disable row level security', secured);
    end loop;
end $$;
