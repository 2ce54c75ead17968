// A user's process that works off a batch and may be killed at any moment: `batch-user.mjs TAKEN COUNT DAWDLES`. What
// processes before it have done it learns from the trail and from nothing else. Each result that its handler takes is a
// line in the file TAKEN, which is what a user's own database would be; DAWDLES is how many milliseconds that takes. The
// gateway and the trail come from the environment.
import { appendFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Client } from "cxone-actions";
import { ACTION, INPUTS } from "./support.mjs";

const [taken, count, dawdles] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const AT_ONCE = 16;

const onResult = async (result) => {
  appendFileSync(taken, `${result.correlationId}\n`);
  await setTimeout(dawdles);
};

/** First what others left behind, then what nobody has begun; what nobody knows the outcome of is left alone. */
function left(client) {
  const run = (correlationId) => () =>
    client.run({ actionId: ACTION, inputs: INPUTS, correlationId }, { onResult });
  const work = [];
  for (const { state, correlationId, resumeToken } of client.recover()) {
    if (state === "accepted") work.push(() => client.poll(resumeToken, { onResult }));
    if (state === "unsent") work.push(run(correlationId));
  }
  const started = client.audit.records({ event: "started" });
  const begun = new Set(Array.from(started, (record) => record.correlation_id));
  for (let n = 0; n < count; n += 1) if (!begun.has(`call-${n}`)) work.push(run(`call-${n}`));
  return work;
}

const client = new Client({ pollIntervalMs: 5, maxInFlight: AT_ONCE, auditSegmentBytes: 65536 });
process.stdout.write("open\n");
const work = left(client).values();
process.stdout.write("working\n");
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const call of work) if (!(await call()).ok) throw new Error("it did not end well");
  }),
);
await client.close();
process.stdout.write("done\n");
