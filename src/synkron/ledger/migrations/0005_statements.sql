-- Indexes of statements that read what grows from end to end, twice a minute.

-- Queries conditions.waiting, conditions.started_late, verify.recorded and why.pauses: which pauses lasted then?
create index pauses_by_end on synkron.pauses ((coalesce(least(ended_at, until), 'infinity')));
-- Query incidents.silencing: which silences last?
create index silences_lasting on synkron.silences (until) where ended_at is null;
