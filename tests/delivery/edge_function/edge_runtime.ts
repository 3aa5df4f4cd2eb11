// A stand-in for Supabase's edge runtime, which is not to be had. It has the one function that the example calls, and it
// ends the isolate as early as the real one may: when no request is under way, and nothing that was given to `waitUntil`.
// A request is under way until its answer has arrived, which the platform says by a byte on stdin. It writes which
// timers there are.

let busy = 0;
const { serve } = Deno;
const later = globalThis.setTimeout;

function done(): void {
  if (--busy === 0) Deno.exit();
}

async function endRequests(): Promise<void> {
  for await (const bytes of Deno.stdin.readable) bytes.forEach(done);
}

Object.assign(Deno, {
  serve(handler: Deno.ServeHandler) {
    endRequests();
    return serve((request, info) => {
      busy++;
      return handler(request, info);
    });
  },
});

Object.assign(globalThis, {
  EdgeRuntime: {
    waitUntil(promise: Promise<unknown>) {
      busy++;
      promise.then(done, done);
    },
  },
  setTimeout(callback: () => void, milliseconds: number) {
    console.log(`timer of ${milliseconds} ms`);
    return later(callback, milliseconds);
  },
});
