-- Where a process answers, as it says itself: `synkron up` may have taken another port than the settings name.
alter table synkron.nodes add column address text;
