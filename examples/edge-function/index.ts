// A target as a Supabase Edge Function, or for Deno anywhere. It answers warm-ups and stays alive after them, does each
// run once, and reports the results of long ones later. It imports nothing. How to use it: README.md.

// Only Supabase has it.
declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void } | undefined;

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

// The time at which this isolate began.
const BOOTED_AT = new Date().toISOString();
// How long a warm-up keeps it alive: half a minute until the runs come, and a margin.
const KEEP_ALIVE = 45_000;
// How long a run may take before it is answered 202. The platform gives up after 150 s.
const ANSWER_WITHIN = Number(Deno.env.get("ANSWER_WITHIN_MS") ?? 100_000);
// Where Synkron's role `api` can be reached. Without it no run is answered 202.
const SYNKRON_URL = Deno.env.get("SYNKRON_URL");
const TOLERANCE = 300;
const REMEMBERED = 1_000;

const key = await readKey(Deno.env.get("SYNKRON_SECRET") ?? "");
const results = new Map<string, Promise<Result>>();

// The work of a run. It may be called again for a run that has failed, or that another isolate has done.
async function exportRun(run: Run): Promise<void> {
  // Your export goes here: what happened from run.period_start to run.period_end, for run.org_id. Give the vendor
  // run.idempotency_key, or insert it into a table of yours in the transaction that writes the result.
  console.log(`export ${run.idempotency_key}: ${run.org_id}, ${run.period_start} to ${run.period_end}`);
  await Promise.resolve();
}

Deno.serve(async (request) => {
  const response = await answer(request, await request.text());
  response.headers.set("Synkron-Booted-At", BOOTED_AT);
  return response;
});

async function answer(request: Request, body: string): Promise<Response> {
  if (!await isSigned(request.headers, body)) return refusal(401, "the signature is missing or wrong");
  if (request.headers.has("Synkron-Warm-Up") && body === "") {
    goOn(new Promise((resolve) => setTimeout(resolve, KEEP_ALIVE)));
    return new Response(null, { status: 204 });
  }
  if (request.method !== "POST") return refusal(405, "only POST", { Allow: "POST" });
  const name = request.headers.get("Idempotency-Key");
  if (!name) return refusal(400, "the header Idempotency-Key is missing");
  const run = read(body);
  if (run?.idempotency_key !== name) return refusal(400, "the body is not the run of this Idempotency-Key");
  return await once(run);
}

// Do the run, unless this isolate has done it before, or does it now; then answer as that ends.
async function once(run: Run): Promise<Response> {
  const work = results.get(run.idempotency_key) ?? begin(run);
  const result = SYNKRON_URL ? await within(work, ANSWER_WITHIN) : await work;
  if (result === undefined) {
    goOn(work.then((result) => complete(run, result)));
    return new Response(null, { status: 202 });
  }
  if (result.outcome !== "succeeded") return refusal(500, result.error);
  return Response.json({ done: run.idempotency_key });
}

function begin(run: Run): Promise<Result> {
  const work = exportRun(run).then<Result, Result>(
    () => ({ outcome: "succeeded" }),
    (error) => {
      results.delete(run.idempotency_key); // so that the next attempt tries again
      return { outcome: "retryable", error: String(error).slice(0, 300) };
    },
  );
  results.set(run.idempotency_key, work);
  for (const oldest of results.keys()) {
    if (results.size <= REMEMBERED) break;
    results.delete(oldest);
  }
  return work;
}

// Say what came of a run that was answered 202: a few times, should Synkron not be there.
async function complete(run: Run, result: Result): Promise<void> {
  const body = JSON.stringify({ idempotency_key: run.idempotency_key, attempt: run.attempt, ...result });
  for (const wait of [0, 1_000, 5_000, 20_000]) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      const response = await fetch(`${SYNKRON_URL}/v1/runs/${run.run_id}/complete`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          ...await signature(`${run.idempotency_key}/${run.attempt}`, body),
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

// Standard Webhooks. Web Crypto compares in constant time.
async function isSigned(headers: Headers, body: string): Promise<boolean> {
  const timestamp = headers.get("webhook-timestamp");
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE)) return false;
  const signed = new TextEncoder().encode(`${headers.get("webhook-id")}.${timestamp}.${body}`);
  for (const part of (headers.get("webhook-signature") ?? "").split(" ")) {
    const [version, text] = part.split(",");
    try {
      if (version === "v1" && await crypto.subtle.verify("HMAC", key, bytes(text), signed)) return true;
    } catch { /* not base64: not a signature */ }
  }
  return false;
}

async function signature(id: string, body: string): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signed = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(`${id}.${timestamp}.${body}`));
  const text = btoa(String.fromCharCode(...new Uint8Array(signed)));
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${text}` };
}

async function readKey(secret: string): Promise<CryptoKey> {
  if (!secret) throw new Error("set SYNKRON_SECRET to the secret that the integration type has in synkron.toml");
  const raw = bytes(secret.trim().replace(/^whsec_/, ""));
  return await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function read(body: string): Run | null {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

// The result, or undefined when it takes longer than that.
async function within<T>(work: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), milliseconds));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Keep the isolate alive until then, though its answer is out. Elsewhere the process lives on by itself.
function goOn(promise: Promise<unknown>): void {
  if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(promise);
}

function refusal(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}
