// cxone-actions from Node: `run` in loops, `runMany`. Contract, policy, a trail on disk and metrics as everybody has
// them; what is set besides are the limits that a case needs.
import { Client } from "../../../bindings-node/dist/index.js";
import { given, inputs, loops, measure, pool } from "./driver.mjs";

const rules = {
  customerId: { type: "string", required: true, maxLength: 64 },
  orderReference: { type: "string", pattern: "^ORD-[0-9]{4}-[0-9]{4}$" },
  priority: { type: "integer", minimum: 1, maximum: 5 },
  note: { type: "string" },
};
const client = new Client({
  baseUrl: given.base_url,
  clientId: given.client_id,
  clientSecret: given.client_secret,
  policy: { action: [{ id: given.action_id, name: "create-case", inputs: rules }] },
  audit: given.directory,
  durability: "process",
  ...(given.ca_file ? { caFile: given.ca_file } : {}),
  ...(pool > 64 ? { maxInFlight: pool } : {}),
  ...(given.concurrency > 1024 ? { maxQueued: given.concurrency } : {}),
  // Told as much as the peers, which sleep as long before they look.
  ...(given.hold_ms ? { pollIntervalMs: given.hold_ms } : {}),
});

const modes = {
  run: (count, took) =>
    loops(async () => (await client.run({ actionId: given.action_id, inputs })).status, count, took),

  run_many: async (count, took) => {
    const began = [];
    function* requests() {
      for (let n = 0; n < count; n++) {
        began.push(performance.now());
        yield { actionId: given.action_id, inputs };
      }
    }
    for await (const outcome of client.runMany(requests(), { concurrency: given.concurrency })) {
      if (outcome.error) throw outcome.error;
      if (outcome.result.status === "COMPLETED") took.push(performance.now() - began[outcome.index]);
    }
  },
};

await measure(modes[given.mode], async (ended) => {
  const { completed } = client.metrics();
  if (completed !== ended) throw new Error(`${ended} ended, and the metrics say ${completed}`);
  await client.close();
});
