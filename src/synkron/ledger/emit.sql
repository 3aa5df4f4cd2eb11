-- What surrounds the migrations in the files that `migrate --emit` writes. The words in capitals are filled in.

-- name: queue
-- Makes PgQueuer's tables, TEXT, if they are not there.
do $synkron$
begin
    if to_regclass('synkron.queue') is null then
        execute $synkron_text$
TEXT
$synkron_text$;
    end if;
end
$synkron$;

-- name: migration
-- Applies the migration NAME, if it was not applied yet.
do $synkron$
begin
    if not exists (select from synkron.migrations where name = 'NAME') then
        execute $synkron_text$
TEXT
$synkron_text$;
        insert into synkron.migrations (name, checksum) values ('NAME', 'CHECKSUM');
    end if;
end
$synkron$;

-- name: grant_to
select set_config('synkron.grant_to', 'ROLE', false);
