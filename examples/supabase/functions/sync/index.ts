// A target of Synkron as a Supabase Edge Function. It checks the project's secret key, answers warm-ups and stays alive
// after them, does each run once, and reports the results of long ones later. How to use it: ../../README.md.

import { verifyAuth } from "npm:@supabase/server@1/core";
import postgres from "npm:postgres@3";
import { Webhook } from "npm:standardwebhooks@1";

declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void };

interface Run {
  run_id: number;
  idempotency_key: string;
  org_id: string;
  integration_id: string;
  integration_type: string;
  source: "schedule" | "catch_up" | "backfill" | "manual";
  scheduled_for: string;
  period_start: string | null;
  period_end: string;
  attempt: number;
}

type Result = { outcome: "succeeded" } | { outcome: "retryable"; error: string };

// When this isolate booted.
const BOOTED_AT = new Date().toISOString();
// How long a warm-up keeps it alive: half a minute until the runs come, and a margin.
const KEEP_ALIVE_MS = 45_000;
// How long a run may take before it is answered with 202. The platform gives up after 150 s.
const ANSWER_WITHIN_MS = Number(Deno.env.get("ANSWER_WITHIN_MS") ?? 100_000);
// Where Synkron's role `api` can be reached. Without it no run is answered with 202.
const SYNKRON_URL = Deno.env.get("SYNKRON_URL");
const signing = SYNKRON_URL ? new Webhook(Deno.env.get("SYNKRON_SECRET") ?? "") : undefined;

// Supabase sets SUPABASE_DB_URL. An isolate may serve several runs at once; each needs a connection.
const database = postgres(Deno.env.get("SUPABASE_DB_URL")!, { max: 5, prepare: false });

// The work of a run; answers how many documents it exported. What is written through `sql` is kept together with the
// run's key, or not at all. It may begin again for a run that was broken off.
async function sync(run: Run, _sql: postgres.TransactionSql): Promise<number> {
  // Your export goes here: what happened from run.period_start to run.period_end, for run.org_id. Give the vendor
  // run.idempotency_key, because a call to a vendor is not undone with the transaction.
  console.log(`sync ${run.idempotency_key}: ${run.org_id}, ${run.period_start} to ${run.period_end}`);
  return await Promise.resolve(0);
}

// Do the run unless its key is there. If the run comes again while it is being done, the second waits here for the
// first: if that one ends well, there is nothing left to do, and if not, the second does it.
async function once(run: Run): Promise<Result> {
  const { idempotency_key, org_id, integration_id, integration_type, period_start, period_end, attempt } = run;
  const row = { idempotency_key, org_id, integration_id, integration_type, period_start, period_end, attempt };
  try {
    await database.begin(async (sql) => {
      const added = await sql`insert into public.synced_runs ${sql(row)} on conflict (idempotency_key) do nothing`;
      if (added.count === 0) return;
      const documents = await sync(run, sql);
      await sql`update public.synced_runs set documents = ${documents} where idempotency_key = ${idempotency_key}`;
    });
    return { outcome: "succeeded" };
  } catch (error) {
    return { outcome: "retryable", error: String(error).slice(0, 300) };
  }
}

Deno.serve(async (request) => {
  const response = await answer(request);
  response.headers.set("Synkron-Booted-At", BOOTED_AT);
  return response;
});

async function answer(request: Request): Promise<Response> {
  // Any of the project's secret keys, so that Synkron may have one of its own.
  const { error } = await verifyAuth(request, { auth: "secret:*" });
  if (error) return refusal(error.status, error.message);
  if (request.method !== "POST" && request.headers.has("Synkron-Warm-Up")) {
    EdgeRuntime.waitUntil(new Promise((resolve) => setTimeout(resolve, KEEP_ALIVE_MS)));
    return new Response(null, { status: 204 });
  }
  if (request.method !== "POST") return refusal(405, "only POST", { Allow: "POST" });
  const run = read(await request.text());
  if (!run || run.idempotency_key !== request.headers.get("Idempotency-Key")) {
    return refusal(400, "the body is not the run of this Idempotency-Key");
  }
  return await deliver(run);
}

async function deliver(run: Run): Promise<Response> {
  const work = once(run);
  // If the platform gives up on the request, the work goes on.
  EdgeRuntime.waitUntil(work);
  const result = signing ? await within(work, ANSWER_WITHIN_MS) : await work;
  if (!result) {
    EdgeRuntime.waitUntil(work.then((result) => complete(run, result)));
    return new Response(null, { status: 202 });
  }
  if (result.outcome !== "succeeded") return refusal(500, result.error);
  return Response.json({ done: run.idempotency_key });
}

// Report the result of a run that was answered with 202. Try a few times, in case Synkron can't be reached.
async function complete(run: Run, result: Result): Promise<void> {
  const body = JSON.stringify({ idempotency_key: run.idempotency_key, attempt: run.attempt, ...result });
  const id = `${run.idempotency_key}/${run.attempt}`;
  for (const wait of [0, 1_000, 5_000, 20_000]) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const now = new Date();
    try {
      const response = await fetch(`${SYNKRON_URL}/v1/runs/${run.run_id}/complete`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
          "webhook-signature": signing!.sign(id, now, body),
        },
        body,
      });
      await response.body?.cancel();
      if (response.status < 500) return;
      console.error(`completion of ${run.idempotency_key}: HTTP ${response.status}`);
    } catch (error) {
      console.error(`completion of ${run.idempotency_key}: ${error}`);
    }
  }
}

function read(body: string): Run | undefined {
  try {
    return JSON.parse(body) ?? undefined;
  } catch {
    return undefined;
  }
}

// The result, or undefined if the work takes longer.
async function within(work: Promise<Result>, milliseconds: number): Promise<Result | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function refusal(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}
