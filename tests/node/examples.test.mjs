// The examples for Node, each run as a user runs it, against a gateway.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { Client, Sandbox } from "cxone-actions";
import { folder, node, ROOT } from "./support.mjs";

const EXAMPLES = join(ROOT, "examples", "node");

const CALLED_BACK = ["express-callbacks.mjs", "fastify-callbacks.mjs"];
const FILES = ["express.mjs", "script.mjs", "worker.mjs", ...CALLED_BACK];

/** A gateway, and a folder with the examples and what they import. */
function prepared(t, options = {}) {
  const sandbox = new Sandbox({ completeAfterMs: 20, ...options });
  t.after(() => sandbox.close());
  // Inside of the checkout, so that `cxone-actions` is the package of the checkout.
  const cwd = folder(t, join(ROOT, "target"));
  for (const name of FILES) cpSync(join(EXAMPLES, name), join(cwd, name));
  mkdirSync(join(cwd, "node_modules"));
  for (const name of ["express", "fastify"])
    symlinkSync(
      join(ROOT, "tests", "node", "runners", "node_modules", name),
      join(cwd, "node_modules", name),
    );
  const env = { ...sandbox.environ, CXONE_AUDIT_DIR: join(cwd, "trail") };
  return { sandbox, cwd, env };
}

/** A program that goes on until it is told to end. */
function started(t, file, { cwd, env }) {
  const child = spawn(process.execPath, [file], { cwd, env: { ...process.env, ...env, PORT: "0" } });
  t.after(() => child.kill("SIGKILL"));
  const stderr = text(child.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  const ended = async () => ({ code: (await once(child, "close"))[0], stderr: await stderr });
  return { child, line, ended };
}

/** Waits until something is so; the test's own time limit ends it otherwise. */
async function until(so) {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a process has recorded of an invocation, or of anything. */
async function recorded({ cwd }, { pid }, filter) {
  const client = new Client({ baseUrl: "http://127.0.0.1:1", token: "x", audit: join(cwd, "trail") });
  const records = [...client.audit.records(filter)].filter((record) => record.pid === pid);
  await client.close();
  return records.map(({ event }) => event);
}

test("every_example_is_run_here", () => {
  const programs = readdirSync(EXAMPLES).filter((name) => name.endsWith(".mjs"));
  assert.deepEqual(programs.sort(), [...FILES].sort());
});

for (const file of CALLED_BACK) {
  test(`a_case_is_answered_when_the_gateway_calls_back: ${file}`, async (t) => {
    const callbackSecret = `whsec_${Buffer.from("a secret of thirty-two bytes, yes").toString("base64")}`;
    const { sandbox, ...place } = prepared(t, { completeAfterMs: 1000, callbackSecret });
    place.env.CXONE_CALLBACK_SECRET = callbackSecret;
    const { child, line, ended } = started(t, file, place);
    const [url] = /http:\S+/.exec(await line());
    const post = (path, type, body) =>
      fetch(new URL(path, url), { method: "POST", headers: type ? { "content-type": type } : {}, body });
    const began = performance.now();
    const good = await post("/cases", "application/json", '{"customerId":"CUST-998877"}');
    const { outputs } = await good.json();
    assert.deepEqual([good.status, outputs.queue], [201, "support"]);
    // The first look without a callback comes after 24 s at the earliest.
    assert.ok(performance.now() - began < 20_000);
    const seen = (at) => sandbox.requests.filter(({ point }) => point === at);
    assert.ok(seen("poll").length <= 2);
    const { callbackUrl } = JSON.parse(seen("invoke")[0].body);
    assert.ok(callbackUrl.startsWith(`${url}/callbacks/`));

    // It is over: what comes now is for nobody. Neither is what is no callback at all.
    for (const [path, type, body] of [
      [callbackUrl, "application/json", "{}"],
      ["/callbacks/guessed", "text/plain", "{"],
      ["/callbacks/guessed", "application/json", "{"],
      ["/callbacks/guessed", "", undefined],
    ])
      assert.equal((await post(path, type, body)).status, 404, `${path} ${type}`);
    assert.equal((await post("/callbacks/guessed", "application/json", "x".repeat(100_000))).status, 413);
    child.kill("SIGTERM");
    assert.deepEqual(await ended(), { code: 0, stderr: "" });
  });
}

test("the_script_prints_what_came_of_it_and_ends", async (t) => {
  const { sandbox, ...place } = prepared(t);
  const good = await node(["script.mjs", "CUST-998877", "ORD-2023-1122"], place);
  assert.deepEqual([good.code, good.stderr], [0, ""]);
  assert.match(good.stdout, /^CASE-\w+ is in the queue priority-support\n$/);
});

test("the_exit_code_of_the_script_says_whether_it_may_be_called_again", async (t) => {
  const cases = [
    ["token", { status: 401 }, 75],
    ["invoke", { close: "after_request" }, 70],
    ["invoke", { status: 400 }, 75],
  ];
  for (const [point, fault, expected] of cases) {
    const { sandbox, ...place } = prepared(t);
    sandbox.inject(point, fault, 4);
    const { code, stdout, stderr } = await node(["script.mjs", "CUST-998877"], place);
    assert.deepEqual([code, stdout], [expected, ""], stderr);
    assert.match(stderr, /^[^\n]+; [^\n]+\n$/);
  }
});

test("the_endpoint_answers_with_what_became_of_it_and_gives_up_with_its_caller", async (t) => {
  const { sandbox, ...place } = prepared(t);
  const { child, line, ended } = started(t, "express.mjs", place);
  const [url] = /http:\S+/.exec(await line());
  const post = (body, headers = {}, signal = undefined) =>
    fetch(`${url}/cases`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal,
    });

  const good = await post({ customerId: "CUST-998877", orderReference: "ORD-2023-1122", priority: 1 });
  const { status, outputs } = await good.json();
  assert.deepEqual([good.status, status, outputs.queue], [201, "COMPLETED", "priority-support"]);

  const bad = await post({ customerId: ["x"], orderReference: "ORD-2023-1122" });
  const said = await bad.json();
  assert.deepEqual([bad.status, said.executed, said.violations[0].path], [400, "no", "/inputs/customerId"]);

  assert.equal((await fetch(`${url}/cases`, { method: "POST" })).status, 400);

  sandbox.inject("invoke", { close: "after_request" });
  const lost = await post(
    { customerId: "CUST-1", orderReference: "ORD-1" },
    { "idempotency-key": "order-1" },
  );
  assert.deepEqual([lost.status, (await lost.json()).correlationId], [502, "order-1"]);

  const { path } = sandbox.requests.find(({ point }) => point === "poll");
  const again = await fetch(`${url}/cases/${path.split("/").at(-1)}`);
  assert.deepEqual([again.status, (await again.json()).outputs.queue], [200, "priority-support"]);

  // The caller hangs up while the action runs: nobody waits for it any more.
  sandbox.inject("poll", { merge: { status: "RUNNING" } }, 1000);
  const hangUp = new AbortController();
  const given = post(
    { customerId: "CUST-2", orderReference: "ORD-2" },
    { "idempotency-key": "order-2" },
    hangUp.signal,
  );
  await until(() => sandbox.executions("order-2") === 1);
  hangUp.abort();
  await assert.rejects(given, { name: "AbortError" });
  const filter = { correlationId: "order-2" };
  await until(async () => (await recorded(place, child, filter)).includes("detached"));

  child.kill("SIGTERM");
  assert.deepEqual(await ended(), { code: 0, stderr: "" });
});

test("the_worker_is_given_a_job_twice_and_executes_it_once", async (t) => {
  const { sandbox, ...place } = prepared(t, { completeAfterMs: 100 });
  const job = `${JSON.stringify({ id: "job-1", inputs: { customerId: "CUST-998877" } })}\n`;
  const bad = `${JSON.stringify({ id: "job-2", inputs: { customerId: {} } })}\n`;
  const first = started(t, "worker.mjs", place);
  first.child.stdin.end(job + bad + job);
  const said = [];
  for (let count = 0; count < 3; count += 1) said.push(JSON.parse(await first.line()));
  assert.deepEqual(said.map(({ id, verdict }) => `${id} ${verdict}`).sort(), [
    "job-1 ack",
    "job-1 ack",
    "job-2 reject",
  ]);
  assert.deepEqual(await first.ended(), { code: 0, stderr: "" });
  assert.ok((await recorded(place, first.child)).includes("joined"));

  // The next process knows it from the trail.
  const second = started(t, "worker.mjs", place);
  second.child.stdin.end(job);
  assert.deepEqual(JSON.parse(await second.line()), {
    id: "job-1",
    verdict: "ack",
    why: "it has ended before",
  });
  assert.deepEqual(await second.ended(), { code: 0, stderr: "" });
  assert.equal(sandbox.executions("job-1"), 1);
});

test("a_line_that_is_no_job_is_rejected_and_does_not_end_the_worker", async (t) => {
  const { sandbox, ...place } = prepared(t);
  const worker = started(t, "worker.mjs", place);
  const lines = ["{", "null", "7", '{"inputs":{}}', '{"id":7}'];
  const job = { id: "job-1", inputs: { customerId: "CUST-998877" } };
  worker.child.stdin.end([...lines, JSON.stringify(job), ""].join("\n"));
  for (const _ of lines) {
    const { id, verdict } = JSON.parse(await worker.line());
    assert.deepEqual([id, verdict], [null, "reject"]);
  }
  assert.deepEqual(JSON.parse(await worker.line()), { id: "job-1", verdict: "ack", why: "COMPLETED" });
  assert.deepEqual(await worker.ended(), { code: 0, stderr: "" });
});

test("the_worker_parks_what_it_cannot_learn_the_end_of", async (t) => {
  const { sandbox, ...place } = prepared(t, { completeAfterMs: 60_000 });
  const job = `${JSON.stringify({ id: "job-1", inputs: { customerId: "CUST-998877" } })}\n`;
  const first = started(t, "worker.mjs", place);
  first.child.stdin.write(job);
  await until(() => sandbox.requests.some(({ point, correlationId }) => point === "poll" && correlationId));
  first.child.kill("SIGKILL");
  await first.ended();
  const env = { ...place.env, CXONE_TIMEOUT: "0.2" };
  const second = started(t, "worker.mjs", { ...place, env });
  second.child.stdin.end(job);
  const said = [JSON.parse(await second.line()), JSON.parse(await second.line())];
  assert.deepEqual(
    said.map(({ id, verdict }) => `${id} ${verdict}`),
    ["job-1 park", "job-1 ack"],
  );
  assert.deepEqual(await second.ended(), { code: 0, stderr: "" });
  assert.equal(sandbox.executions("job-1"), 1);
});

test("the_worker_finishes_what_is_under_way_when_it_is_told_to_end", async (t) => {
  const { sandbox, ...place } = prepared(t, { completeAfterMs: 300 });
  const { child, line, ended } = started(t, "worker.mjs", place);
  // The queue stays open: it is the signal that ends the worker.
  child.stdin.write(`${JSON.stringify({ id: "job-1", inputs: { customerId: "CUST-998877" } })}\n`);
  await until(() => sandbox.executions("job-1") === 1);
  child.kill("SIGTERM");
  assert.deepEqual(JSON.parse(await line()), { id: "job-1", verdict: "ack", why: "COMPLETED" });
  assert.deepEqual(await ended(), { code: 0, stderr: "" });
  assert.equal((await recorded(place, child)).at(-1), "closed");
});

test("the_worker_takes_up_what_a_killed_one_had_under_way", async (t) => {
  const { sandbox, ...place } = prepared(t, { completeAfterMs: 1000 });
  const job = `${JSON.stringify({ id: "job-1", inputs: { customerId: "CUST-998877" } })}\n`;
  const first = started(t, "worker.mjs", place);
  first.child.stdin.write(job);
  await until(() => sandbox.requests.some(({ point, correlationId }) => point === "poll" && correlationId));
  first.child.kill("SIGKILL");
  await first.ended();
  const second = started(t, "worker.mjs", place);
  second.child.stdin.end(job);
  const said = [JSON.parse(await second.line()), JSON.parse(await second.line())];
  assert.deepEqual(
    said.map(({ verdict, why }) => `${verdict} ${why}`),
    ["ack COMPLETED", "ack it has ended before"],
  );
  assert.deepEqual(await second.ended(), { code: 0, stderr: "" });
  assert.equal(sandbox.executions("job-1"), 1);
});
