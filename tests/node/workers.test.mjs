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

const [TERMINATIONS, CALLS] = [50, 30];

test("fifty_terminations_of_a_worker_with_work_in_flight_leave_the_process_and_the_trail_whole", async (t) => {
  const { sandbox } = connected(t);
  const audit = folder(t);
  const inside = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Client } = require("cxone-actions");
    const client = new Client(${JSON.stringify({ ...accessTo(sandbox), audit, auditSegmentBytes: 65536 })});
    const calls = Array.from({ length: ${CALLS} }, (_, n) =>
      client.run({
        actionId: n % 2 ? "${NEVER_ENDS}" : "${ACTION}",
        inputs: ${JSON.stringify(REQUEST.inputs)},
        correlationId: "corr-" + workerData + "-" + n,
      }));
    for (const call of calls) call.catch(() => {});
    calls[0].then(() => parentPort.postMessage("going"));`;
  const source = `
    const { once } = require("node:events");
    const { Worker } = require("node:worker_threads");
    const { Client } = require("cxone-actions");
    const client = new Client(${JSON.stringify(accessTo(sandbox))});
    (async () => {
      let ok = 0;
      for (let round = 0; round < ${TERMINATIONS}; round += 1) {
        const each = new Worker(${JSON.stringify(inside)}, { eval: true, workerData: round });
        await once(each, "message");
        await each.terminate();
        ok += (await client.run(${JSON.stringify(REQUEST)})).ok;
      }
      await client.close();
      console.log(ok);
    })();`;
  const { code, signal, stdout, stderr } = await node(["-e", source]);
  const said = { code, signal, stdout, stderr };
  assert.deepEqual(said, { code: 0, signal: null, stdout: `${TERMINATIONS}\n`, stderr: "" });
  for (let round = 0; round < TERMINATIONS; round += 1) {
    for (let n = 0; n < CALLS; n += 1) assert.ok(sandbox.executions(`corr-${round}-${n}`) <= 1);
  }
  const reader = new Client({ ...accessTo(sandbox), audit });
  t.after(() => reader.close());
  assert.ok(reader.audit.verify().ok);
});

test("what_is_on_the_wire_is_recorded_before_the_end_also_where_workers_alone_use_the_library", async (t) => {
  for (const end of [
    "process.exit(7)",
    "process.exitCode = 7; each.terminate()",
    "each.terminate().then(() => setImmediate(() => process.exit(7)))",
  ]) {
    const sandbox = new Sandbox();
    t.after(() => sandbox.close());
    sandbox.inject("invoke", { delay: 0.3 }, 10);
    const audit = folder(t);
    const inside = `
      const { parentPort } = require("node:worker_threads");
      const { Client } = require("cxone-actions");
      const client = new Client(${JSON.stringify({ ...accessTo(sandbox), audit })});
      for (let n = 0; n < 10; n += 1) client.invoke(${JSON.stringify(REQUEST)}).catch(() => {});
      const sent = () => Array.from(client.audit.records({ event: "sending" })).length === 10;
      const look = () => (sent() ? parentPort.postMessage("going") : setImmediate(look));
      look();`;
    const source = `
      const { Worker } = require("node:worker_threads");
      const each = new Worker(${JSON.stringify(inside)}, { eval: true });
      each.once("message", () => { ${end}; });`;
    const { code, signal, stderr, ms } = await node(["-e", source]);
    assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" }, end);
    assert.ok(ms < 40_000, `it took ${ms} ms`);
    const reader = new Client({ ...accessTo(sandbox), audit });
    assert.equal(Array.from(reader.audit.records({ event: "accepted" })).length, 10, end);
    await reader.close();
  }
});

test("what_a_terminated_worker_waited_for_is_asked_for_no_more", async (t) => {
  const { sandbox } = connected(t);
  const body = `
    for (let n = 0; n < 10; n += 1)
      client.run({ actionId: "${NEVER_ENDS}", inputs: {}, correlationId: "corr-" + n }).catch(() => {});
    while (client.metrics().polls < 10) await new Promise((resolve) => setImmediate(resolve));
    parentPort.postMessage("going");`;
  const each = worker(sandbox, body);
  await once(each, "message");
  await each.terminate();
  do {
    sandbox.clear();
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (sandbox.requests.length > 0);
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
    assert.ok(ms < 40_000, `it took ${ms} ms`);
    const reader = new Client({ ...accessTo(sandbox), audit });
    assert.ok(reader.audit.verify().ok);
    await reader.close();
    sandbox.close();
  }
});
