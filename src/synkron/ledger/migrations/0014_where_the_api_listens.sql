-- Where a process answers, as it says itself: `synkron up` may have taken another port than the settings name. The
-- previous release's processes don't say it: they have none, or that of the process that had their name before.
alter table synkron.nodes add column address text;
