// A user's test that leaves calls in flight: Jest ends the process, and with it the trail.
const { appendFileSync } = require("node:fs");
const { Client } = require("cxone-actions");

test("calls are left in flight", async () => {
  const client = new Client({
    audit: process.env.AUDIT,
    auditCheckpoints: ({ seq }) => appendFileSync(process.env.TOLD, `${seq}\n`),
  });
  for (let n = 0; n < 20; n += 1)
    client.run({ actionId: "00000000-0000-4000-8000-000000000005", inputs: {} }).catch(() => {});
  while (client.metrics().started < 20) await new Promise((resolve) => setImmediate(resolve));
});
