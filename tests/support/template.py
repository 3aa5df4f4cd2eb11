"""What the databases of the tests are cloned from: a migrated ledger and the application's two tables, all empty."""

from __future__ import annotations

from synkron.ledger.migrate import create_due_indexes, create_source_tables, migrate
from synkron.postgres.connection import Connection
from synkron.settings.load import SourceTables

# Most tests tick in March 2026. A tick of the past makes a partition for each month from there to the present, which
# took longer than all else that it does, and who reads runs pays for each. So all that is past is one partition, and
# the names of the months in it are taken.
PARTITIONS = """
    set timezone = 'UTC';
    select synkron.keep_partitions('2026-03-01', '2026-03-01', '-infinity');
    select synkron.keep_partitions(now(), now() + interval '62 days', '-infinity');
    do $$
    declare
        parent text;
        this_month constant timestamptz := date_trunc('month', now());
        month timestamptz;
    begin
        foreach parent in array array['runs', 'attempts'] loop
            execute format('alter table synkron.%1$I detach partition synkron.%1$s_2026_03', parent);
            execute format(
                'alter table synkron.%1$I attach partition synkron.%1$s_2026_03 for values from (%2$L) to (%3$L)',
                parent, timestamptz '2026-03-01', this_month
            );
            for month in
                select generate_series(timestamptz '2026-04-01', this_month - interval '1 day', interval '1 month')
            loop
                execute format('create type synkron.%I as ()', parent || '_' || to_char(month, 'YYYY_MM'));
            end loop;
        end loop;
    end $$;
"""
WITHOUT_PARTITIONS = r"""
    do $$
    declare
        month record;
    begin
        for month in
            select oid::regclass as name, case relkind when 'c' then 'type' else 'table' end as kind
            from pg_class
            where relname ~ '^(runs|attempts)_\d{4}_\d{2}$'
        loop
            execute format('drop %s %s', month.kind, month.name);
        end loop;
    end $$;
"""


async def fill_template(connection: Connection) -> None:
    """Make all that a test's database has."""
    await migrate(connection)
    await create_source_tables(connection, SourceTables())
    await create_due_indexes(connection, SourceTables())
    await connection.execute(PARTITIONS)
