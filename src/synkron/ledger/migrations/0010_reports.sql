-- Reports that are announced each morning. An announcement is about an incident, or it is a report, whose message is made
-- once: each report and moment is announced once to each channel, through a restart too.
alter table synkron.announcements alter column incident_id drop not null;
alter table synkron.announcements add column report text;
alter table synkron.announcements add column report_moment timestamptz;
alter table synkron.announcements add column message jsonb;
alter table synkron.announcements drop constraint announcements_transition_check;
alter table synkron.announcements add constraint announcements_transition_check
    check (transition in ('opened', 'reminded', 'closed', 'reported'));
alter table synkron.announcements add constraint announcements_are_of_one_thing check (
    case when incident_id is null
        then num_nonnulls(report, report_moment, message) = 3 and transition = 'reported'
        else num_nonnulls(report, report_moment, message) = 0 and transition <> 'reported'
    end
);
create unique index announcements_report_once on synkron.announcements (report, report_moment, channel);
