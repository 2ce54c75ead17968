// The gateway on a loopback port, for users' own tests.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Client, Sandbox } from "cxone-actions";
import { DIST } from "./declarations.mjs";
import { ACTION, accessTo, connected, folder, node, REQUEST, ROOT, rejection, thrown } from "./support.mjs";

test("it_listens_when_it_is_constructed_and_stops_when_it_is_closed", async () => {
  const sandbox = new Sandbox();
  assert.match(sandbox.baseUrl, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal((await fetch(sandbox.baseUrl)).status, 404);
  sandbox.close();
  sandbox.close();
  await assert.rejects(fetch(sandbox.baseUrl));
});

test("its_options_let_a_client_in_and_its_environment_a_process", async (t) => {
  const sandbox = new Sandbox({ seed: 3 });
  t.after(() => sandbox.close());
  const { baseUrl, clientId, clientSecret } = sandbox;
  assert.deepEqual(sandbox.options, { baseUrl, profile: "gateway", clientId, clientSecret });
  const client = new Client(sandbox.options);
  assert.ok((await client.run(REQUEST)).ok);
  await client.close();
  const program = `
    const client = new (require("cxone-actions").Client)();
    client.run(${JSON.stringify(REQUEST)}).then(({ status }) => client.close().then(() => console.log(status)));`;
  const { code, stdout, stderr } = await node(["-e", program], { env: sandbox.environ });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "COMPLETED\n", stderr: "" });

  const other = new Sandbox({ profile: "cxone-extraction" });
  t.after(() => other.close());
  const { accessKeyId, accessKeySecret } = other;
  assert.deepEqual(
    [other.options.accessKeyId, other.options.accessKeySecret],
    [accessKeyId, accessKeySecret],
  );
  assert.equal(other.environ.CXONE_ACCESS_KEY_SECRET, accessKeySecret);
});

test("the_same_seed_gives_the_same_credentials_and_ids", async (t) => {
  const ids = [];
  for (let round = 0; round < 2; round += 1) {
    const { client, sandbox } = connected(t, {}, { seed: 7 });
    const { invocationId } = await client.invoke(REQUEST);
    ids.push([sandbox.clientId, sandbox.clientSecret, invocationId]);
  }
  assert.deepEqual(ids[0], ids[1]);
});

test("it_shows_what_it_saw_without_a_secret_and_counts_executions", async (t) => {
  const { client, sandbox } = connected(t);
  await client.run({ ...REQUEST, correlationId: "corr-001" });
  const points = sandbox.requests.map(({ point }) => point);
  assert.deepEqual(points.slice(0, 3), ["token", "invoke", "poll"]);
  const [, invoke] = sandbox.requests;
  assert.equal(invoke.method, "POST");
  assert.equal(invoke.status, 202);
  assert.equal(invoke.correlationId, "corr-001");
  assert.equal(typeof invoke.atMs, "number");
  assert.equal(invoke.headers["content-type"], "application/json");
  assert.ok(!JSON.stringify(sandbox.requests).includes(sandbox.clientSecret));
  assert.equal(sandbox.executions("corr-001"), 1);
  sandbox.clear();
  assert.deepEqual([sandbox.requests, sandbox.executions("corr-001")], [[], 0]);
});

test("faults_are_ordered_in_either_spelling_and_their_mistakes_are_named", async (t) => {
  const { client, sandbox } = connected(t);
  sandbox.inject("invoke", { status: 429, retry_after: 0 });
  sandbox.inject("invoke", { status: 429, retryAfter: 0 });
  const { attempts } = await client.run(REQUEST);
  assert.equal(attempts, 3);
  for (const [args, message] of [
    [["nowhere", { status: 500 }], /nowhere/],
    [["invoke", { status: 42 }], /status/],
    [["invoke", { stauts: 500 }], /stauts/],
    [["invoke", {}], /fault/],
    [["invoke", 7], /./],
    [
      ["describe", { status: 500 }],
      /`point` must be `token`, `invoke`, `poll` or `callback`, got `describe`/,
    ],
    ...[-1, 1.5, 0, 2 ** 32, Number.NaN, null, "3x"].map((times) => [
      ["invoke", { status: 500 }, times],
      /`times` must be a whole number from 1 to 4294967295/,
    ]),
  ]) {
    const error = thrown(() => sandbox.inject(...args));
    assert.equal(error.kind, "config");
    assert.match(error.message, message);
    assert.match(error.stack.split("\n")[1], /sandbox\.test\.mjs/);
  }
});

test("actions_and_options_of_ones_own_are_taken_and_unknown_ones_refused", async (t) => {
  const id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";
  const { client } = connected(
    t,
    {},
    { actions: [{ id, outcome: "FAILED", errorMessage: "no such customer", completeAfterMs: 1 }] },
  );
  const { status, errorMessage } = await client.run({ actionId: id, inputs: {} });
  assert.deepEqual([status, errorMessage], ["FAILED", "no such customer"]);
  assert.match(thrown(() => new Sandbox({ sead: 1 })).message, /sead/);
  assert.match(thrown(() => new Sandbox({ profile: "other" })).message, /profile/);
});

test("a_name_that_nobody_knows_is_told_as_it_was_written_with_every_name_that_there_is_here", (t) => {
  const { sandbox } = connected(t);
  const id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";
  const table = JSON.parse(createRequire(import.meta.url)(join(DIST, "native.js")).native.surface()).sandbox;
  const names = (of, ...more) => [...table[of].map((setting) => setting.node), ...more].sort();
  for (const [unknown, known, work] of [
    ["tokenLifetime", names("options"), () => new Sandbox({ tokenLifetime: 90 })],
    ["tokenLifeTimeMs", names("options"), () => new Sandbox({ tokenLifeTimeMs: 90 })],
    [
      "actions[0].completAfterMs",
      names("action"),
      () => new Sandbox({ actions: [{ id, completAfterMs: 1 }] }),
    ],
    [
      "delaysMs",
      names("fault", "retryAfter", "delay", "drip"),
      () => sandbox.inject("invoke", { delaysMs: 1 }),
    ],
  ]) {
    const { kind, message } = thrown(work);
    assert.equal(kind, "config");
    const [, refused, listed] = /^`(.*)` is no member of .*, which has (.*)$/.exec(message) ?? [];
    assert.equal(refused, unknown, message);
    assert.deepEqual(listed.match(/\w+/g).sort(), known);
  }
});

test("a_time_that_is_none_is_refused_in_milliseconds_and_by_the_name_that_it_has_here", (t) => {
  const { sandbox } = connected(t);
  const id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";
  for (const [bad, got] of [
    ["x", "string"],
    [10n, "bigint"],
    [null, "null"],
    [Number.NaN, "NaN"],
    [-1, "-1"],
  ]) {
    for (const [name, work] of [
      ...["tokenLifetimeMs", "completeAfterMs", "actionTimeoutMs"].map((name) => [
        name,
        () => new Sandbox({ [name]: bad }),
      ]),
      ["actions[0].completeAfterMs", () => new Sandbox({ actions: [{ id, completeAfterMs: bad }] })],
      ...["retryAfterMs", "delayMs", "dripMs"].map((name) => [
        name,
        () => sandbox.inject("invoke", { [name]: bad }),
      ]),
    ]) {
      const { kind, message, stack, violations } = thrown(work);
      assert.equal(kind, "config");
      assert.equal(message, `\`${name}\` must be a number of milliseconds of 0 or more, got ${got}`);
      assert.deepEqual(violations, [{ path: name, code: "invalid", message }]);
      assert.match(stack.split("\n")[1], /sandbox\.test\.mjs/);
    }
  }
});

test("a_time_of_a_fault_is_told_once_and_a_place_is_spelt_one_way", (t) => {
  const { sandbox } = connected(t);
  for (const [one, other] of [
    ["retryAfter", "retryAfterMs"],
    ["retry_after", "retryAfterMs"],
    ["retry_after", "retryAfter"],
    ["delay", "delayMs"],
    ["drip", "dripMs"],
  ]) {
    const { kind, message } = thrown(() => sandbox.inject("invoke", { [one]: 1, [other]: 1 }));
    assert.deepEqual([kind, message], ["config", `\`${one}\` and \`${other}\` exclude each other`]);
  }
  const id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";
  for (const [action, path] of [
    [{ id, outputs: { a: [() => 1] } }, "actions[0].outputs.a[0]"],
    [{ id, timeMs: { min: -1, max: 2 } }, "actions[0].timeMs.min"],
    [{ id, failureRate: 2 }, "actions[0].failureRate"],
    [{ id, outputs: "{{ nothing }}" }, "actions[0].outputs"],
  ]) {
    const { kind, message } = thrown(() => new Sandbox({ actions: [action] }));
    assert.equal(kind, "config");
    assert.ok(message.startsWith(`\`${path}\` `), message);
  }
});

test("a_tenant_is_modelled_by_options_or_by_a_file", async (t) => {
  const id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";
  const outputs = { customer: "{{ inputs.customerId }}", said: "for {{ inputs.customerId }}" };
  const input_schema = { type: "object", required: ["customerId"] };
  const actionsFile = join(folder(t), "tenant.json");
  const said = { id, outputs, input_schema, time: { min: 0.001, max: 0.002 } };
  writeFileSync(actionsFile, JSON.stringify({ actions: [said] }));
  const action = { id, outputs, inputSchema: input_schema, timeMs: { min: 1, max: 2 } };
  for (const options of [{ actionsFile }, { actions: [action] }]) {
    const { client } = connected(t, {}, options);
    const result = await client.run({ actionId: id, inputs: { customerId: "CUST-1" } });
    assert.deepEqual(result.outputs, { customer: "CUST-1", said: "for CUST-1" });
    const refused = await rejection(client.run({ actionId: id, inputs: {} }));
    assert.deepEqual([refused.kind, refused.httpStatus], ["rejected", 400]);
    assert.match(refused.message, /"customerId" is a required property/);
  }
  writeFileSync(actionsFile, JSON.stringify({ actions: [{ ...said, complete_after: 1, tiem: 1 }] }));
  const { kind, message } = thrown(() => new Sandbox({ actionsFile }));
  assert.equal(kind, "config");
  assert.match(message, /`actions\[0\]\.tiem` is no member .*`complete_after`.*tenant\.json, line 1\)$/);
});

test("each_profile_has_the_credentials_that_it_asks_for", (t) => {
  for (const profile of ["gateway", "genesys-data-action", "genesys-flow", "cxone-extraction"]) {
    const sandbox = new Sandbox({ profile });
    t.after(() => sandbox.close());
    assert.match(sandbox.accessKeyId, /^[A-Z2-7]{52}====$/);
    assert.match(sandbox.accessKeySecret, /^[A-Z2-7]{52}====$/);
    assert.notEqual(sandbox.accessKeyId, sandbox.accessKeySecret);
  }
  const own = new Sandbox({
    profile: "cxone-extraction",
    accessKeyId: "mine",
    accessKeySecret: "s3cret",
    rateLimit: "none",
    actionTimeoutMs: 5,
    deduplicate: true,
    actions: [{ id: "my-entity", inputSchema: { type: "object" } }],
  });
  t.after(() => own.close());
  assert.deepEqual([own.accessKeyId, own.accessKeySecret], ["mine", "s3cret"]);
  assert.match(
    thrown(() => new Sandbox({ profile: "cxone" })).message,
    /`profile` must be `gateway`, `genesys-data-action`, `genesys-flow` or `cxone-extraction`/,
  );
});

test("it_ends_with_its_block_and_keeps_no_process_alive", async (t) => {
  const sandbox = new Sandbox();
  const client = new Client(accessTo(sandbox));
  await client[Symbol.asyncDispose]();
  await sandbox[Symbol.asyncDispose]();
  await assert.rejects(fetch(sandbox.baseUrl));
  const { code, stderr } = await node([
    "-e",
    'const { Sandbox } = require("cxone-actions"); globalThis.kept = new Sandbox();',
  ]);
  assert.deepEqual([code, stderr], [0, ""]);
  t.after(() => sandbox.close());
});

test("it_goes_on_listening_while_only_its_url_is_kept", async () => {
  const code = `
    const { Client, Sandbox } = require("cxone-actions");
    const { baseUrl, clientId, clientSecret } = new Sandbox();
    const client = new Client({ baseUrl, clientId, clientSecret });
    (async () => {
      for (let round = 0; round < 5; round += 1) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 5));
        await client.run({ actionId: "${ACTION}", inputs: { customerId: "a" } });
      }
      await client.close();
      console.log("still there");
    })();`;
  const done = await promisify(execFile)(process.execPath, ["--expose-gc", "-e", code], { cwd: ROOT });
  assert.equal(done.stdout, "still there\n");
});
