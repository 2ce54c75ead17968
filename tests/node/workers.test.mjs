// Worker threads: each has its own client and queue, and its end takes nothing of the process with it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Client, Sandbox } from "cxone-actions";
import { ACTION, accessTo, connected, folder, NEVER_ENDS, node, REQUEST } from "./support.mjs";

/** A worker with a client of the sandbox. */
function worker(sandbox, body, options = {}) {
  const source = `
    const { parentPort } = require("node:worker_threads");
    const { Client } = require("cxone-actions");
    const client = new Client(${JSON.stringify({ ...accessTo(sandbox), ...options })});
    const request = ${JSON.stringify(REQUEST)};
    (async () => { ${body} })();`;
  return new Worker(source, { eval: true });
}

test("workers_run_side_by_side_and_end_by_themselves", async (t) => {
  const { client, sandbox } = connected(t);
  const body = `
    const results = await Promise.all(Array.from({ length: 50 }, () => client.run(request)));
    parentPort.postMessage(results.filter(({ ok }) => ok).length);`;
  const workers = Array.from({ length: 4 }, () => worker(sandbox, body));
  const ends = workers.map(async (each) => {
    const [[count], [code]] = await Promise.all([once(each, "message"), once(each, "exit")]);
    return [count, code];
  });
  const here = await Promise.all(Array.from({ length: 50 }, () => client.run(REQUEST)));
  assert.equal(here.length, 50);
  assert.deepEqual(await Promise.all(ends), [
    [50, 0],
    [50, 0],
    [50, 0],
    [50, 0],
  ]);
});

test("terminating_a_worker_with_work_in_flight_leaves_the_process_and_the_trail_whole", async (t) => {
  const { client, sandbox } = connected(t);
  const audit = folder(t);
  for (let round = 0; round < 8; round += 1) {
    const body = `
      const calls = Array.from({ length: 100 }, (_, n) =>
        client.run({ actionId: n % 2 ? "${NEVER_ENDS}" : request.actionId, inputs: request.inputs, correlationId: "corr-${round}-" + n }));
      for (const call of calls) call.catch(() => {});
      await calls[0];
      parentPort.postMessage("going");`;
    const each = worker(sandbox, body, { audit, auditSegmentBytes: 65536 });
    await once(each, "message");
    await each.terminate();
    assert.ok((await client.run(REQUEST)).ok, "the main thread goes on");
  }
  for (let round = 0; round < 8; round += 1) {
    for (let n = 0; n < 100; n += 1) assert.ok(sandbox.executions(`corr-${round}-${n}`) <= 1);
  }
  const reader = new Client({ ...accessTo(sandbox), audit });
  t.after(() => reader.close());
  assert.ok(reader.audit.verify().ok);
});

test("process_exit_in_a_worker_ends_the_worker_alone", async (t) => {
  const { client, sandbox } = connected(t);
  const each = worker(sandbox, `client.run(request); setImmediate(() => process.exit(3));`);
  assert.deepEqual(await once(each, "exit"), [3]);
  assert.ok((await client.run(REQUEST)).ok);
});

test("process_exit_in_the_main_thread_with_busy_workers_ends_in_time", async (t) => {
  for (let round = 0; round < 4; round += 1) {
    const sandbox = new Sandbox();
    const audit = folder(t);
    const inside = `
      const { parentPort } = require("node:worker_threads");
      const { Client } = require("cxone-actions");
      const client = new Client(${JSON.stringify({ ...accessTo(sandbox), audit })});
      for (let n = 0; n < 100; n += 1) client.run({ actionId: "${ACTION}", inputs: { customerId: "C" } }).catch(() => {});
      parentPort.postMessage("going");`;
    const source = `
      const { Worker } = require("node:worker_threads");
      ${round % 2 ? 'require("cxone-actions");' : ""}
      const workers = [1, 2, 3].map(() => new Worker(${JSON.stringify(inside)}, { eval: true }));
      let going = 0;
      for (const each of workers) each.on("message", () => { going += 1; if (going === 3) process.exit(7); });`;
    const { code, signal, stderr, ms } = await node(["-e", source]);
    assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" });
    assert.ok(ms < 5000, `it took ${ms} ms`);
    const reader = new Client({ ...accessTo(sandbox), audit });
    assert.ok(reader.audit.verify().ok);
    await reader.close();
    sandbox.close();
  }
});
