-- The ledger has the application's ids as texts, also those that their column can't have any more since the application
-- gave it another type. A cast of such a text fails, and with it the statement, for everybody.

-- The id whose text is `given`, of the type of the null that is given as `id`; null if the type has none. It takes 1 us,
-- no longer than to compare the text with a pattern for each type.
create function synkron.id_of(given text, inout id anyelement) language plpgsql stable as $$
begin
    id := given;
    if id::text <> given then
        id := null;
    end if;
exception when data_exception or integrity_constraint_violation then
    null; -- and so is `id`
end $$;
