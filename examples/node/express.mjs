// An HTTP endpoint that opens a case, and says what became of it.
//
//     PORT=3000 node express.mjs
//
// CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET say which gateway it is; CXONE_AUDIT_DIR keeps the trail.
import { Client, isCxoneError } from "cxone-actions";
import express from "express";

const CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

// One for the whole process: it holds the connections and the token.
const client = new Client();
const app = express();
app.use(express.json());
// Outputs beyond 2^53 are bigints, which JSON.stringify refuses to write.
app.set("json replacer", (_name, value) => (typeof value === "bigint" ? value.toString() : value));

app.post("/cases", async (request, response) => {
  const { customerId, orderReference, priority } = request.body ?? {};
  const result = await client.run(
    {
      actionId: CREATE_CASE,
      inputs: { customerId, orderReference, ...(priority !== undefined && { priority }) },
      // Two requests with one key at a time are one invocation.
      correlationId: request.get("idempotency-key"),
    },
    { signal: whileConnected(response), timeoutMs: 20_000 },
  );
  const { status, outputs, errorMessage } = result;
  response.status(result.ok ? 201 : 422).json({ status, outputs, errorMessage });
});

// Where a case took longer than a request may: its resume token goes on waiting.
app.get("/cases/:resumeToken", async (request, response) => {
  const { resumeToken } = request.params;
  const { status, outputs, errorMessage } = await client.poll(resumeToken, {
    signal: whileConnected(response),
    timeoutMs: 20_000,
  });
  response.json({ status, outputs, errorMessage });
});

// What was thrown above comes here.
app.use((error, _request, response, next) => {
  if (response.destroyed) return;
  if (!isCxoneError(error)) {
    next(error);
    return;
  }
  const { kind, message, hint, executed, correlationId, resumeToken, violations } = error;
  if (error.retryAfterMs !== null) response.set("retry-after", String(Math.ceil(error.retryAfterMs / 1000)));
  response
    .status(statusOf(error))
    .json({ kind, message, hint, executed, correlationId, resumeToken, violations });
});

function statusOf({ kind, executed }) {
  if (kind === "validation") return 400;
  if (kind === "denied") return 403;
  // Still running: the body has the token to ask with.
  if (kind === "poll_timeout") return 202;
  // Nothing was executed: the caller may try again. Of anything else only a person can say what became of it.
  return executed === "no" ? 503 : 502;
}

/** Aborted when the caller hangs up. That ends the wait; what was sent is finished and recorded all the same. */
function whileConnected(response) {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return gone.signal;
}

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    // First the requests that are under way, then what they have on the wire.
    server.close(() => client.close({ timeoutMs: 10_000 }));
  });
}
