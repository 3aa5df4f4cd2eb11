-- What asks pg_cron itself for its jobs, and the vault for the secret.

-- name: schedule
-- A job of this name is replaced. pg_cron calls it every minute, and never twice at a time.
select cron.schedule($1, '* * * * *', $2);

-- name: unschedule
select cron.unschedule(jobname) from cron.job where jobname = any($1::text[]);

-- name: jobs
-- The jobs of these names with their last run.
select
    job.jobname as name, job.active as is_active, job.schedule, last.status, last.return_message as message,
    last.start_time as started_at
from cron.job
left join lateral (
    select status, return_message, start_time from cron.job_run_details run
    where run.jobid = job.jobid order by run.runid desc limit 1
) last on true
where job.jobname = any($1::text[])
order by job.jobname;

-- name: has_secret
select exists (select from vault.decrypted_secrets where name = $1);
