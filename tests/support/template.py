"""What the databases of the tests are cloned from: a migrated ledger and the application's two tables, all empty."""

from __future__ import annotations

from synkron.ledger.migrate import create_due_indexes, create_source_tables, migrate
from synkron.postgres.connection import Connection
from synkron.settings.load import SourceTables

# Most tests tick in March 2026, others now. A tick makes a partition for each month from there to two months ahead,
# which took longer than all else that it does, and each session that reads runs pays for each of them. So all of this
# time is one partition, that of the last month, and the names of the months before are taken.
PARTITIONS = """
    set timezone = 'UTC';
    select synkron.keep_partitions(now() + interval '62 days', now() + interval '62 days', '-infinity');
    do $$
    declare
        parent text;
        last constant timestamptz := date_trunc('month', now() + interval '62 days');
        partition text;
        month timestamptz;
    begin
        foreach parent in array array['runs', 'attempts'] loop
            partition := parent || '_' || to_char(last, 'YYYY_MM');
            execute format('alter table synkron.%I detach partition synkron.%I', parent, partition);
            execute format(
                'alter table synkron.%I attach partition synkron.%I for values from (%L) to (%L)',
                parent, partition, timestamptz '2026-03-01', last + interval '1 month'
            );
            for month in select generate_series(timestamptz '2026-03-01', last - interval '1 day', interval '1 month')
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
