// The client as an object of Node's: what it shows, what it takes, whose line its errors point at, and its end.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { Client, ConfigError, Sandbox } from "cxone-actions";
import { ACTION, accessTo, connected, folder, INPUTS, REQUEST, rejection, thrown } from "./support.mjs";

test("it_shows_where_it_calls_and_how_busy_it_is_and_nothing_of_its_credentials", async (t) => {
  const { client, sandbox } = connected(t);
  const shown = () => inspect(client);
  assert.equal(
    shown(),
    `Client {\n  baseUrl: '${sandbox.baseUrl}',\n  profile: 'gateway',\n  closed: false,\n  inFlight: 0\n}`,
  );
  sandbox.inject("invoke", { delay: 1 });
  const call = client.run(REQUEST);
  while (client.metrics().inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(inspect({ client }), /inFlight: 1/);
  await call;
  await client.close();
  assert.match(shown(), /closed: true/);
  client.metrics = () => assert.fail("it is a double's");
  assert.match(shown(), /inFlight: 0/);
  for (const secret of [sandbox.clientId, sandbox.clientSecret]) assert(!shown().includes(secret));
  assert.equal(inspect(Object.create(Client.prototype)), "Client {}");
});

test("a_place_may_be_given_as_a_url", async (t) => {
  const sandbox = new Sandbox({ completeAfterMs: 5 });
  t.after(() => sandbox.close());
  const directory = folder(t);
  const at = (name) => pathToFileURL(join(directory, name));
  writeFileSync(at("policy.json"), JSON.stringify({ action: [{ id: ACTION, inputs: "*" }] }));
  const client = new Client({
    ...accessTo(sandbox),
    baseUrl: new URL(sandbox.baseUrl),
    audit: at("trail"),
    auditCheckpoints: at("checkpoints"),
    policy: at("policy.json"),
  });
  assert.ok((await client.run(REQUEST)).ok);
  writeFileSync(at("nothing.json"), JSON.stringify({ action: [] }));
  client.reloadPolicy(at("nothing.json"));
  assert.equal((await rejection(client.run(REQUEST))).kind, "denied");
  await client.close();
  assert.ok(client.audit.verify({ checkpoints: at("checkpoints") }).ok);
});

test("a_url_that_cannot_stand_there_is_a_mistake", () => {
  for (const [options, name] of [
    [{ baseUrl: pathToFileURL("/tmp") }, "baseUrl"],
    [{ audit: new URL("https://example.com/trail") }, "audit"],
    [{ clientId: new URL("https://example.com/") }, "clientId"],
  ]) {
    const error = thrown(() => new Client({ baseUrl: "https://gateway.example", token: "t", ...options }));
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, new RegExp(`\`${name}\` must be .*got URL`));
  }
});

test("a_call_written_as_in_another_language_is_told_how_it_is_written_here", async (t) => {
  const { client, sandbox } = connected(t);
  for (const call of [client.run(ACTION, INPUTS), client.invoke(ACTION, INPUTS)])
    await assert.rejects(call, {
      kind: "config",
      message: /first argument must be a request, `\{ actionId, inputs \}`/,
    });
  assert.deepEqual(sandbox.requests, []);
});

test("what_is_no_request_at_all_is_one_mistake", async (t) => {
  const { client } = connected(t);
  for (const [request, got] of [
    [undefined, "undefined"],
    [null, "null"],
    [() => REQUEST, "function; call it first, and pass what it returns"],
    [[], "an array"],
  ]) {
    const { violations } = await rejection(client.run(request));
    assert.deepEqual(
      violations.map(({ path, message }) => [path, message]),
      [["", `the request must be an object, got ${got}`]],
    );
  }
});

test("an_error_points_at_its_caller_also_where_a_method_was_replaced", async (t) => {
  const { client } = connected(t);
  const { run } = Client.prototype;
  const bad = { actionId: "x" };
  const stacks = {
    onTheClient: () => {
      client.run = () => assert.fail("it is another method");
      return run.call(client, bad);
    },
    inASubclass: () => {
      class Mine extends Client {
        run(request) {
          return super.run(request);
        }
      }
      const mine = new Mine({ baseUrl: "http://127.0.0.1:1", token: "t" });
      return mine.run(bad);
    },
  };
  for (const [name, fails] of Object.entries(stacks)) {
    const { stack } = await rejection(fails());
    assert.match(stack, new RegExp(`${name}.*client\\.test\\.mjs`), stack);
    assert.doesNotMatch(stack, /bindings-node/);
  }
});

test("a_program_that_reads_stacks_itself_is_given_the_callers_frames", async (t) => {
  const { client } = connected(t);
  const before = Error.prepareStackTrace;
  t.after(() => {
    Error.prepareStackTrace = before;
  });
  Error.prepareStackTrace = (_, frames) => frames;
  const { stack } = await rejection(client.run({ actionId: "x" }));
  Error.prepareStackTrace = before;
  assert.match(stack[0].getFileName(), /client\.test\.mjs$/);
});

test("it_is_closed_at_the_end_of_an_await_using_block", async (t) => {
  const { client } = connected(t);
  await client.run(REQUEST);
  assert.equal(await client[Symbol.asyncDispose](), undefined);
  assert.equal((await rejection(client.run(REQUEST))).kind, "closed");
  await client[Symbol.asyncDispose]();
});
