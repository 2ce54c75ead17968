// The end of a process: it comes when nothing is left, it comes in time when much is left, and the trail holds.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { Client, Sandbox } from "cxone-actions";
import { ACTION, AT_ONCE, accessTo, folder, NEVER_ENDS, node } from "./support.mjs";

const CALLS = 300;
/** How long the end may take; less than the gateway takes that does not answer, and room for a slow machine. */
const LIMIT_MS = 25_000;

/** A program with a client of the sandbox and many calls under way, whose trail goes on in new segments meanwhile. */
function program(sandbox, audit, end, { actionId = ACTION, calls = CALLS, method = "run" } = {}) {
  const options = { ...accessTo(sandbox), audit, auditSegmentBytes: 65536, maxQueued: 2000 };
  return `
    const { Client } = require("cxone-actions");
    const client = new Client(${JSON.stringify(options)});
    const calls = Array.from({ length: ${calls} }, (_, n) =>
      client.${method}({ actionId: "${actionId}", inputs: { customerId: "C-" + n }, correlationId: "corr-" + n }));
    for (const call of calls) call.catch(() => {});
    ${end}`;
}

/** Each was executed at most once, and the trail knows of each whether it was. */
async function accountFor(sandbox, audit, calls = CALLS) {
  const client = new Client({ ...accessTo(sandbox), audit });
  const verification = client.audit.verify();
  assert.ok(verification.ok, JSON.stringify(verification.problems));
  const state = new Map(client.recover().map((unfinished) => [unfinished.correlationId, unfinished.state]));
  const terminal = new Set(
    Array.from(client.audit.records({ event: "terminal" }), (record) => record.correlation_id),
  );
  for (let n = 0; n < calls; n += 1) {
    const id = `corr-${n}`;
    const executions = sandbox.executions(id);
    assert.ok(executions <= 1, `${id} was executed ${executions} times`);
    if (executions === 1)
      assert.ok(terminal.has(id) || ["accepted", "unknown"].includes(state.get(id)), `${id} is lost`);
    else assert.notEqual(state.get(id), "accepted");
  }
  await client.close();
  return state;
}

/** Runs the same end several times, each against a gateway and a trail of its own. */
async function repeat(t, times, run) {
  for (let round = 0; round < times; round += 1) {
    const sandbox = new Sandbox({ completeAfterMs: 5 });
    await run(sandbox, folder(t));
    sandbox.close();
  }
}

const ENDS = [
  ["in_the_same_tick", "process.exit(7);", {}],
  ["after_the_first_result", "calls[0].then(() => process.exit(7));", {}],
  ["after_the_first_acceptance", "calls[0].then(() => process.exit(7));", { method: "invoke" }],
  [
    "in_a_callback",
    'client.run({ actionId: "00000000-0000-4000-8000-000000000004", inputs: {} }, { onResult: () => process.exit(7) });',
    {},
  ],
  ["while_closing", "client.close(); setImmediate(() => process.exit(7));", {}],
  [
    "in_an_exit_handler_too",
    "process.on('exit', () => client.metrics()); setImmediate(() => process.exit(7));",
    {},
  ],
];
for (const [name, end, options] of ENDS) {
  test(`process_exit_with_300_calls_in_flight_${name}`, async (t) => {
    await repeat(t, 4, async (sandbox, audit) => {
      const { code, signal, stderr, ms } = await node(["-e", program(sandbox, audit, end, options)]);
      assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" });
      assert.ok(ms < LIMIT_MS, `it took ${ms} ms`);
      await accountFor(sandbox, audit);
    });
  });
}

test("what_is_on_the_wire_at_process_exit_is_recorded_before_the_end", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  sandbox.inject("invoke", { delay: 0.4 }, 10);
  const audit = folder(t);
  const end = `
    const sent = () => Array.from(client.audit.records({ event: "sending" })).length === 10;
    const look = () => (sent() ? process.exit(7) : setImmediate(look));
    look();`;
  const { code } = await node(["-e", program(sandbox, audit, end, { calls: 10 })]);
  assert.equal(code, 7);
  await accountFor(sandbox, audit, 10);
  const reader = new Client({ ...accessTo(sandbox), audit });
  t.after(() => reader.close());
  assert.equal(Array.from(reader.audit.records({ event: "accepted" })).length, 10);
});

test("a_gateway_that_never_answers_does_not_hold_the_end_of_the_process", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  sandbox.inject("invoke", { delay: 50 }, CALLS);
  const audit = folder(t);
  const end = `
    const sent = () => Array.from(client.audit.records({ event: "sending" })).length > 0;
    const look = () => (sent() ? process.exit(7) : setImmediate(look));
    look();`;
  const { code, stderr, ms } = await node(["-e", program(sandbox, audit, end)]);
  assert.deepEqual({ code, stderr }, { code: 7, stderr: "" });
  assert.ok(ms < LIMIT_MS, `it took ${ms} ms`);
  await accountFor(sandbox, audit);
});

test("an_uncaught_error_with_calls_in_flight_ends_the_process_as_it_always_does", async (t) => {
  await repeat(t, 2, async (sandbox, audit) => {
    const end = 'setImmediate(() => { throw new RangeError("mine"); });';
    const { code, stderr } = await node(["-e", program(sandbox, audit, end)]);
    assert.equal(code, 1);
    assert.match(stderr, /RangeError: mine/);
    await accountFor(sandbox, audit);
  });
});

test("the_process_lives_while_a_call_is_pending_and_ends_by_itself_when_none_is", async (t) => {
  await repeat(t, 3, async (sandbox, audit) => {
    const end = "Promise.all(calls).then((results) => console.log(results.filter(({ ok }) => ok).length));";
    const { code, stdout, stderr, ms } = await node(["-e", program(sandbox, audit, end)]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${CALLS}\n`, stderr: "" });
    assert.ok(ms < LIMIT_MS, `it took ${ms} ms`);
    const states = await accountFor(sandbox, audit);
    assert.equal(states.size, 0);
    const segments = readdirSync(audit).filter((name) => name.endsWith(".jsonl"));
    assert.ok(segments.length > 3, `${segments.length} segments`);
  });
});

test("a_client_that_is_not_closed_and_calls_that_were_given_up_hold_nothing", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const end = `
    const controller = new AbortController();
    client.run({ actionId: "${NEVER_ENDS}", inputs: {} }, { signal: controller.signal }).catch(({ name }) => console.log(name));
    Promise.all(calls).then(() => controller.abort());`;
  const source = program(sandbox, folder(t), end, { calls: 3, actionId: AT_ONCE });
  const { code, stdout, stderr, ms } = await node(["-e", source]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "AbortError\n", stderr: "" });
  assert.ok(ms < LIMIT_MS, `it took ${ms} ms`);
});
