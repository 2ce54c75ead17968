// The trail: plain records, filters, files, and the proof.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, Sandbox, Verification } from "cxone-actions";
import {
  ACTION,
  accessTo,
  connected,
  events,
  folder,
  INPUTS,
  NEVER_ENDS,
  node,
  rejection,
  thrown,
} from "./support.mjs";

const REQUEST = { actionId: ACTION, inputs: INPUTS, correlationId: "corr-001" };

test("the_whole_way_of_an_invocation_is_recorded_without_a_value", async (t) => {
  const { client } = connected(t);
  await client.run(REQUEST);
  const way = ["started", "sending", "accepted", "terminal"];
  assert.deepEqual(events(client, { correlationId: "corr-001" }), way);
  const [first] = client.audit.records({ event: "started" });
  assert.deepEqual(first.input_keys, Object.keys(INPUTS));
  assert.equal(first.action_id, ACTION);
  assert.doesNotMatch(JSON.stringify([...client.audit.records()]), /CUST-998877|ORD-2023/);
  for await (const record of client.audit.records()) assert.equal(typeof record.hash, "string");
});

test("filters_choose_and_their_mistakes_are_named", async (t) => {
  const { client } = connected(t);
  const before = new Date(Date.now() - 60_000);
  const { invocationId } = await client.run(REQUEST);
  const all = events(client).length;
  const cases = [
    [{ since: before }, all],
    [{ since: before.toISOString(), until: null, actor: undefined }, all],
    [{ until: before }, 0],
    [{ invocationId }, 2],
    [{ actionId: ACTION.toUpperCase() }, 4],
    [{ actor: "nobody" }, 0],
    [{ status: "COMPLETED" }, 1],
    [{ since: "2020-01-01" }, all],
    [{ until: "2020-01-01" }, 0],
  ];
  for (const [filter, count] of cases)
    assert.equal(events(client, filter).length, count, JSON.stringify(filter));
  for (const [filter, message] of [
    [{ evnt: "sending" }, /`evnt`/],
    [{ event: "send" }, /`event` must name an event/],
    [{ since: "yesterday" }, /`since` must be a time/],
    [{ since: new Date(Number.NaN) }, /`since`/],
    [{ since: 5 }, /`since` must be a string/],
    [{ since: "2020-13-01" }, /`since` must be a time/],
    [{ status: Symbol("x") }, /`status` must be text/],
    [5, /^the filter must be a plain object, got a number$/],
    ["sending", /^the filter must be a plain object, got a string$/],
    [["sending"], /^the filter must be a plain object, got an Array$/],
    [() => ({}), /^the filter must be a plain object, got a function$/],
    [new Map([["event", "sending"]]), /^the filter must be a plain object, got a Map$/],
    [new Date(), /^the filter must be a plain object, got a Date$/],
    [new URLSearchParams("event=sending"), /^the filter must be a plain object, got a URLSearchParams$/],
    [new Sending(), /^the filter must be a plain object, got a Sending$/],
    [{ [Symbol("x")]: 1 }, /^the filter must have strings as keys/],
    [
      {
        get event() {
          throw new Error("s3cret");
        },
      },
      /^`event` must be text.* getter that throws$/,
    ],
  ]) {
    for (const work of [
      () => client.audit.records(filter),
      () => client.audit.export("/proc/no", "csv", filter),
    ]) {
      const error = thrown(work);
      assert.equal(error.kind, "config");
      assert.match(error.message, message);
      assert.match(error.stack.split("\n")[1], /audit\.test\.mjs/);
    }
  }
  for (const work of [() => client.audit.export(undefined), () => client.audit.verify({ checkpoint: "x" })])
    assert.match(thrown(work).stack.split("\n")[1], /audit\.test\.mjs/);
});

/** What it says is not its own: it would be taken for a filter that says nothing. */
class Sending {
  get event() {
    return "sending";
  }
}

test("a_durable_trail_is_read_by_the_next_client_verified_and_exported", async (t) => {
  const audit = folder(t);
  const { client, sandbox } = connected(t, { audit });
  await client.run(REQUEST);
  client.audit.flush();
  const next = new Client({ ...accessTo(sandbox), audit });
  t.after(() => next.close());
  assert.deepEqual(events(next, { correlationId: "corr-001" }), [
    "started",
    "sending",
    "accepted",
    "terminal",
  ]);
  const verification = next.audit.verify();
  assert.ok(verification instanceof Verification && verification.ok);
  assert.equal(verification.segments, 2);

  const target = folder(t);
  for (const format of ["jsonl", "json", "csv"]) {
    const file = join(target, `out.${format}`);
    const count = next.audit.export(file, format, { correlationId: "corr-001" });
    assert.equal(count, 4);
    const text = readFileSync(file, "utf8");
    if (format === "json") assert.equal(JSON.parse(text).length, 4);
    else assert.equal(text.trimEnd().split("\n").length, format === "csv" ? 5 : 4);
  }
  assert.match(thrown(() => next.audit.export(join(target, "x"), "xml")).message, /xml/);
  const url = pathToFileURL(join(target, "by-url"));
  assert.equal(next.audit.export(url, "jsonl", { correlationId: "corr-001" }), 4);
  assert.equal(readFileSync(url, "utf8").trimEnd().split("\n").length, 4);
  for (const path of [
    undefined,
    null,
    5,
    {},
    new URL("https://example.com/x"),
    new URL("file:///x%2Fy"),
    Buffer.from("x"),
  ]) {
    const error = thrown(() => next.audit.export(path));
    assert.equal(error.kind, "config");
    assert.match(error.message, /`path` must be a path or a file URL/);
  }
});

test("a_flipped_bit_is_named_with_its_place", async (t) => {
  const audit = folder(t);
  const { client } = connected(t, { audit });
  await client.run(REQUEST);
  await client.close();
  const segment = readdirSync(audit).find((name) => name.endsWith(".jsonl"));
  const file = join(audit, segment);
  writeFileSync(file, readFileSync(file, "utf8").replace('"COMPLETED"', '"CANCELLED"'));
  const { ok, problems } = client.audit.verify();
  assert.equal(ok, false);
  assert.equal(problems[0].segment, segment);
  assert.ok(problems[0].line > 0 && problems[0].what);
});

test("a_trail_that_cannot_be_opened_is_an_audit_error", (t) => {
  const { sandbox } = connected(t);
  const error = thrown(() => new Client({ ...accessTo(sandbox), audit: "/proc/version/no" }));
  assert.equal(error.kind, "audit");
  assert.match(error.stack, /audit\.test\.mjs/);
});

test("what_a_killed_process_left_behind_is_recovered_and_polled_to_its_end", async (t) => {
  const audit = folder(t);
  const sandbox = new Sandbox({ actions: [{ id: ACTION, completeAfterPolls: 3 }] });
  t.after(() => sandbox.close());
  const program = `
    const { Client } = require("cxone-actions");
    const client = new Client({ ...${JSON.stringify(accessTo(sandbox))}, audit: ${JSON.stringify(audit)} });
    client.invoke(${JSON.stringify(REQUEST)}).then(() => process.kill(process.pid, "SIGKILL"));`;
  const { signal } = await node(["-e", program]);
  assert.equal(signal, "SIGKILL");
  const client = new Client({ ...accessTo(sandbox), audit });
  t.after(() => client.close());
  const [unfinished, ...more] = client.recover();
  assert.deepEqual(more, []);
  assert.equal(unfinished.state, "accepted");
  assert.equal(unfinished.correlationId, "corr-001");
  assert.equal(unfinished.actionId, ACTION);
  const result = await client.poll(unfinished.resumeToken);
  assert.equal(result.status, "COMPLETED");
  assert.equal(sandbox.executions("corr-001"), 1);
});

test("a_policy_denies_what_it_does_not_list_and_the_denial_is_recorded", async (t) => {
  const policy = {
    action: [
      {
        id: ACTION,
        name: "create-case",
        inputs: { customerId: { type: "string", required: true, max_length: 64 } },
      },
    ],
  };
  const { client, sandbox } = connected(t, { policy });
  assert.ok((await client.run({ actionId: ACTION, inputs: { customerId: "C-1" } })).ok);
  sandbox.clear();
  const denied = [
    [{ actionId: NEVER_ENDS, inputs: {} }, ["/actionId"]],
    [{ actionId: ACTION, inputs: { customerId: "C-1", extra: 1 } }, ["/inputs/extra"]],
    [{ actionId: ACTION, inputs: {} }, ["/inputs/customerId"]],
  ];
  for (const [request, paths] of denied) {
    const error = await rejection(client.run(request));
    assert.equal(error.kind, "denied");
    assert.deepEqual(
      error.violations.map(({ path }) => path),
      paths,
    );
  }
  assert.deepEqual(sandbox.requests, []);
  assert.equal(events(client, { event: "denied" }).length, denied.length);
  assert.equal(client.metrics().denied, denied.length);
  assert.equal(Object.keys(client.metrics().byAction)[0], "create-case");
});
