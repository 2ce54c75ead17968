// A worker whose queue may deliver a job twice, and which executes it once.
//
//     node worker.mjs < jobs.jsonl
//
// A job is a line of JSON: {"id": "order-1122", "inputs": {"customerId": "CUST-998877"}}. What is to be done with it in
// the queue is said on stdout. In your worker, your broker's consumer stands where the lines are read, and its `ack` where
// one is printed. SIGTERM ends it: nothing more is taken, and what is under way is finished.
import { createInterface } from "node:readline";
import { Client } from "cxone-actions";

const CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const client = new Client({ audit: process.env.CXONE_AUDIT_DIR ?? "trail" });

/** What the trail has the end of, also from the processes before this one: a job that comes again is not sent again. */
const ended = new Set();
for (const { correlation_id } of client.audit.records({ event: "terminal" })) ended.add(correlation_id);

// What a process that was killed had under way: nothing of it was lost, and nothing of it is sent again by itself.
for (const left of client.recover()) {
  if (left.state === "unsent") continue;
  ended.add(left.correlationId);
  if (left.resumeToken === null) say(left.correlationId, "park", "nobody knows whether it was executed");
  else {
    const { verdict, why } = await client.poll(left.resumeToken).then(
      ({ status }) => ({ verdict: "ack", why: status }),
      ({ message }) => ({ verdict: "park", why: message }),
    );
    say(left.correlationId, verdict, why);
  }
}

const lines = createInterface({ input: process.stdin });
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    lines.close();
    process.stdin.destroy();
  });
}

// Read no faster than there is room for; the job's id is the invocation's, so that its second delivery joins the first.
async function* requests() {
  for await (const line of lines) {
    const { id, inputs } = job(line);
    if (typeof id !== "string") say(null, "reject", "it is no job");
    else if (ended.has(id)) say(id, "ack", "it has ended before");
    else yield { actionId: CREATE_CASE, inputs, correlationId: id };
  }
}

for await (const { request, result, error } of client.runMany(requests(), { concurrency: 8 })) {
  const id = request.correlationId;
  if (result) {
    ended.add(id);
    say(id, "ack", result.status);
  } else if (error.kind === "validation" || error.kind === "denied") {
    say(id, "reject", error.message);
  } else if (error.executed === "no") {
    say(id, "again", error.message);
  } else {
    // Sent, and nobody knows what became of it: a person looks before anybody sends it again.
    ended.add(id);
    say(id, "park", error.message);
  }
}
await client.close();

/** What a line says. One that nobody can read must not end the worker: the queue would deliver it again and again. */
function job(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

function say(id, verdict, why) {
  console.log(JSON.stringify({ id, verdict, why }));
}
