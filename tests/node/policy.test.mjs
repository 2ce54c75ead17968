// The policy at work from Node: asked, and changed while a client is open; and the examples of docs/policy.md.
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { blocks, ran, shows } from "./pages.mjs";
import { ACTION, connected, events, folder, INPUTS, REQUEST, rejection, thrown } from "./support.mjs";

const OPEN = { action: [{ id: ACTION, name: "create-case", inputs: "*" }] };
const limited = (more) => ({ action: [{ ...OPEN.action[0], ...more }] });
const named = { actionId: "create-case", inputs: INPUTS };

test("a_name_stands_for_its_action_in_every_call", async (t) => {
  const { client } = connected(t, { policy: OPEN });
  assert.equal((await client.run(named)).actionId, ACTION);
  assert.equal((await client.invoke(named)).actionId, ACTION);
  for await (const outcome of client.runMany([named])) assert.equal(outcome.result.actionId, ACTION);
  assert.equal(client.check(named).actionId, ACTION);
  const error = await rejection(client.run({ actionId: "create_case", inputs: INPUTS }));
  assert.match(error.message, /did you mean `create-case`\?/);
});

test("a_question_is_asked_at_any_time_and_leaves_no_trace", (t) => {
  const when = [{ days: ["mon"], from: "08:00", to: "09:00", zone: "Europe/Berlin" }];
  const { sandbox, client } = connected(t, { policy: limited({ when }) });
  for (const at of [new Date("2026-11-23T07:30:00Z"), "2026-11-23T08:30:00+01:00"]) {
    assert.equal(client.check(named, { at }).allowed, true);
  }
  const outside = client.check({ ...named, inputs: { key: "CANARY" } }, { at: "2026-11-23T08:00:00Z" });
  assert.deepEqual([outside.allowed, outside.kind], [false, "denied"]);
  assert.deepEqual(outside.opensAt, new Date("2026-11-30T07:00:00Z"));
  assert.ok(!inspect(outside).includes("CANARY"));
  for (const at of ["monday", new Date(Number.NaN)]) {
    const error = thrown(() => client.check(named, { at }));
    assert.match(`${error.name} ${error.message}`, /^ConfigError .*`at`/);
    assert.match(error.stack, /policy\.test\.mjs/);
  }
  for (const wrong of [{ at: 7 }, { when: "now" }]) {
    assert.equal(thrown(() => client.check(named, wrong)).name, "ConfigError");
  }
  assert.deepEqual(events(client), ["config"]);
  assert.deepEqual([client.metrics().denied, sandbox.requests.length], [0, 0]);
});

test("a_policy_is_changed_while_the_client_is_open_and_a_mistake_changes_nothing", async (t) => {
  const path = join(folder(t), "policy.toml");
  writeFileSync(path, `[[action]]\nid = "${ACTION}"\ninputs = "*"\n`);
  const { client } = connected(t, { policy: path });
  const first = client.check(named).policy;
  writeFileSync(path, "[[action]]\nid = 7\n");
  const error = thrown(() => client.reloadPolicy());
  assert.deepEqual([error.name, error.executed], ["ConfigError", "no"]);
  assert.match(error.message, /policy\.toml, line 2/);
  assert.ok((await client.run(REQUEST)).ok);
  writeFileSync(path, "action = []\n");
  const second = client.reloadPolicy();
  assert.equal((await rejection(client.run(REQUEST))).kind, "denied");
  const third = client.reloadPolicy(OPEN);
  assert.ok((await client.run(named)).ok);
  assert.equal(client.reloadPolicy(path), second);
  for (const nothing of [7, [], { action: {} }, () => {}]) {
    assert.equal(thrown(() => client.reloadPolicy(nothing)).name, "ConfigError");
  }
  const map = thrown(() => client.reloadPolicy(new Map()));
  assert.equal(`${map.name}: ${map.message}`, "ConfigError: the policy must be a plain object, got a Map");
  const notes = Array.from(client.audit.records({ event: "config" }), ({ note }) => note);
  assert.deepEqual(notes.slice(1, 5), [
    `policy ${first} stays: what was read is none`,
    `policy ${second}, before ${first}`,
    `policy ${third}, before ${second}`,
    `policy ${second}, before ${third}`,
  ]);
});

test("a_file_that_changed_is_read_again_by_a_later_call", async (t) => {
  const directory = folder(t);
  const path = join(directory, "policy.toml");
  writeFileSync(path, "action = []\n");
  const { client } = connected(t, { policy: path, policyRefreshMs: 1 });
  assert.equal(client.check(REQUEST).allowed, false);
  writeFileSync(join(directory, "next"), `[[action]]\nid = "${ACTION}"\ninputs = "*"\n`);
  renameSync(join(directory, "next"), path);
  const deadline = Date.now() + 60_000;
  while (!client.check(REQUEST).allowed) assert.ok(Date.now() < deadline);
  assert.ok((await client.run(REQUEST)).ok);
});

test("a_limit_that_lets_nobody_through_before_the_deadline_sends_nothing", async (t) => {
  const { sandbox, client } = connected(t, { policy: limited({ rate: "1/h" }) });
  assert.ok((await client.run(named)).ok);
  const error = await rejection(client.run(named));
  assert.deepEqual([error.kind, error.executed], ["rate_limited", "no"]);
  assert.ok(error.retryAfterMs > 3_000_000);
  assert.equal(sandbox.requests.filter(({ point }) => point === "invoke").length, 1);
});

test("the_examples_of_the_policy_page_print_what_it_says", async (t) => {
  const [policy] = blocks("docs/policy.md", "toml");
  const examples = blocks("docs/policy.md", "js");
  assert.ok(examples.length >= 1 && examples.every(({ output }) => output));
  const { sandbox } = connected(t);
  for (const example of examples) {
    const { code, stdout, stderr } = await ran(t, example, sandbox, { "policy.toml": policy.code });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(shows(example, stdout), stdout);
  }
});
