// What somebody sees who watches a client from Node: the debug log, the channel of records, traces, Prometheus text.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { blocks, ran, shows } from "./pages.mjs";
import { ACTION, accessTo, connected, ENTRY, INPUTS, node } from "./support.mjs";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** A collector that keeps what it is sent. */
async function collecting(t) {
  const bodies = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push({ path: request.url, type: request.headers["content-type"], body: Buffer.concat(chunks) });
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, bodies };
}

/** Runs this in a process of its own, with a client of the gateway. */
function output(sandbox, body, env) {
  const program = `
    const { Client } = require(${JSON.stringify(ENTRY)});
    const { ACTION, INPUTS, ...options } = JSON.parse(process.env.GIVEN);
    const client = new Client(options);
    (async () => { ${body} })();
  `;
  const GIVEN = JSON.stringify({ ACTION, INPUTS, ...accessTo(sandbox) });
  return node(["-e", program], { env: { GIVEN, ...env } });
}

test("NODE_DEBUG=cxone_actions prints each record of the trail, the last word of the process too", async (t) => {
  const { sandbox } = connected(t);
  const body = `
    await client.run({ actionId: ACTION, inputs: INPUTS, correlationId: "corr-1" });
    await client.run({ actionId: "nonsense" }).catch(() => {});
  `;
  const loud = await output(sandbox, body, { NODE_DEBUG: "cxone_actions" });
  assert.equal(loud.code, 0);
  for (const event of ["config", "started", "sending", "accepted", "terminal", "closed"]) {
    assert.match(loud.stderr, new RegExp(`CXONE_ACTIONS \\d+: debug ${event}`));
  }
  assert.match(loud.stderr, /CXONE_ACTIONS \d+: warning invalid/);
  assert.match(loud.stderr, /correlation_id=corr-1/);
  for (const secret of [sandbox.clientSecret, "Bearer", INPUTS.customerId])
    assert(!loud.stderr.includes(secret));

  const quiet = await output(sandbox, body, { NODE_DEBUG: "" });
  assert.deepEqual([quiet.code, quiet.stdout, quiet.stderr], [0, "", ""]);
});

test("whoever subscribes to the channel gets the records with their fields, and nobody after he has gone", async (t) => {
  const { client } = connected(t);
  const said = [];
  const hear = (record) => said.push(record);
  subscribe("cxone_actions", hear);
  await client.run({ actionId: ACTION, inputs: INPUTS, correlationId: "corr-2" });
  unsubscribe("cxone_actions", hear);
  const mine = said.filter((record) => record.fields.correlation_id === "corr-2");
  assert.deepEqual(
    mine.map((record) => record.fields.event),
    ["started", "sending", "accepted", "terminal"],
  );
  assert(
    mine.every((record) => record.level === "debug" && record.ts > 1.7e9 && !record.text.includes("\n")),
  );
  assert.equal(mine[3].fields.status, "COMPLETED");
  const count = said.length;
  await client.run({ actionId: ACTION, inputs: INPUTS });
  assert.equal(said.length, count);
});

test("spans are sent to the collector, as part of the caller's trace, and the gateway is told of them", async (t) => {
  const { url, bodies } = await collecting(t);
  const { sandbox, client } = connected(t, { traces: url });
  await client.run({ actionId: ACTION, inputs: INPUTS, correlationId: "corr-3", traceparent: PARENT });
  await client.close();
  assert(bodies.every(({ path, type }) => path === "/v1/traces" && type === "application/x-protobuf"));
  const everything = Buffer.concat(bodies.map(({ body }) => body));
  const trace = PARENT.split("-")[1];
  for (const part of ["cxone.outcome", "completed", "corr-3", Buffer.from(trace, "hex")]) {
    assert(everything.includes(part), part);
  }
  for (const secret of [sandbox.clientSecret, INPUTS.customerId]) assert(!everything.includes(secret));
  const told = sandbox.requests.map((request) => request.headers.traceparent).filter(Boolean);
  assert(told.length >= 2);
  for (const header of told) {
    assert.match(header, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    assert.notEqual(header, PARENT);
  }
});

test("the caller's traceparent is passed on as it is where nothing is traced, and refused where it is none", async (t) => {
  const { sandbox, client } = connected(t);
  await client.run({ actionId: ACTION, inputs: INPUTS, traceparent: PARENT });
  const told = sandbox.requests.map((request) => request.headers.traceparent).filter(Boolean);
  assert(told.length >= 2 && told.every((header) => header === PARENT));
  await assert.rejects(
    client.run({ actionId: ACTION, inputs: INPUTS, traceparent: "00-0-0-00" }),
    (error) => {
      assert.deepEqual(
        error.violations.map(({ path, code }) => [path, code]),
        [["/traceparent", "pattern"]],
      );
      return true;
    },
  );
});

test("the Prometheus text is of the snapshot, whenever it is asked for", async (t) => {
  const { client } = connected(t);
  await client.run({ actionId: ACTION, inputs: INPUTS });
  const before = client.metrics();
  await client.run({ actionId: ACTION, inputs: INPUTS });
  assert.match(before.prometheus(), /^cxone_invocations_total\{.*outcome="completed".*\} 1$/m);
  assert.equal(before.completed, 1);
  assert.match(client.metrics().prometheus(), /^cxone_invocations_total\{.*outcome="completed".*\} 2$/m);
});

test("promtool finds nothing to say of the Prometheus text", async (t) => {
  const { client } = connected(t);
  await client.run({ actionId: ACTION, inputs: INPUTS });
  const text = client.metrics().prometheus();
  assert.match(text, /cxone_duration_seconds_bucket\{le="\+Inf",action="[^"]+"\} 1\n/);
  assert.equal(execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" }), "");
});

test("the JavaScript examples of docs/observability.md print what it says", async (t) => {
  const examples = blocks("docs/observability.md", "js");
  assert(examples.length >= 1 && examples.every(({ output }) => output));
  const { sandbox } = connected(t);
  for (const example of examples) {
    const { code, stdout, stderr } = await ran(t, example, sandbox);
    assert.deepEqual([code, stderr], [0, ""]);
    assert(shows(example, stdout), stdout);
  }
});
