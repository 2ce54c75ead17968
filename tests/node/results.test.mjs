// What comes back, as a program asks it: by its class, by what it holds, and by what it throws.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { test } from "node:test";
import * as library from "cxone-actions";
import { ActionResult, Client, ConfigError, isCxoneError, Outcome } from "cxone-actions";
import { AT_ONCE, connected, ENTRY, FAILS, IS_CANCELLED, thrown } from "./support.mjs";

test("a_result_is_known_by_its_class_and_throws_where_it_did_not_complete", async (t) => {
  const { client } = connected(t);
  const good = await client.run({ actionId: AT_ONCE, inputs: {} });
  assert.ok(good instanceof ActionResult && good.constructor.name === "ActionResult");
  assert.equal(good.throwIfFailed(), good);
  for (const [actionId, status, type] of [
    [FAILS, "FAILED", library.ActionFailedError],
    [IS_CANCELLED, "CANCELLED", library.ActionCancelledError],
  ]) {
    const result = await client.run({ actionId, inputs: {} });
    assert.deepEqual([result instanceof ActionResult, result.status, result.ok], [true, status, false]);
    const error = thrown(() => result.throwIfFailed());
    assert.ok(error instanceof type);
    assert.match(error.stack, /results\.test\.mjs/);
  }
});

test("of_many_answers_that_come_at_once_each_goes_to_its_own_call", async (t) => {
  const { client, sandbox } = connected(t);
  const beyond = '{"status":"COMPLETED","outputs":{"n":9007199254740993,"__proto__":"é\\"1e9"}}';
  sandbox.inject("poll", { status: 200, body: beyond }, 20);
  const wrong = (n) => n % 10 === 9;
  const settled = await Promise.allSettled(
    Array.from({ length: 300 }, (_, n) =>
      client.run({
        actionId: n % 7 === 0 ? FAILS : AT_ONCE,
        inputs: wrong(n) ? 7 : {},
        correlationId: `call-${n}`,
      }),
    ),
  );
  let large = 0;
  for (const [n, { value, reason }] of settled.entries()) {
    assert.equal((value ?? reason).correlationId, `call-${n}`);
    assert.equal(value === undefined, wrong(n));
    if (typeof value?.outputs?.n !== "bigint") continue;
    large += 1;
    assert.equal(value.outputs.n, 9007199254740993n);
    assert.deepEqual(Object.entries(value.raw.outputs), Object.entries(value.outputs));
    assert.equal(Object.hasOwn(value.outputs, "__proto__"), true);
  }
  assert.equal(large, 20);
});

test("an_outcome_gives_its_result_or_throws_its_error", async (t) => {
  const { client } = connected(t);
  const requests = [
    { actionId: AT_ONCE, inputs: {} },
    { actionId: AT_ONCE, inputs: 7 },
  ];
  const found = [];
  for await (const outcome of client.runMany(requests)) found[outcome.index] = outcome;
  const [good, bad] = found;
  assert.ok(good instanceof Outcome && bad instanceof Outcome);
  assert.equal(good.unwrap(), good.result);
  assert.deepEqual([good.error, bad.result], [null, null]);
  assert.equal(
    thrown(() => bad.unwrap()),
    bad.error,
  );
  assert.deepEqual([good.request, bad.request], requests);
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(bad))), ["index", "request", "result", "error"]);
});

test("an_error_of_another_copy_of_the_library_is_known_as_one", () => {
  const require = createRequire(import.meta.url);
  const loaded = Object.keys(require.cache).filter((path) => path.startsWith(dirname(ENTRY)));
  const kept = loaded.map((path) => [path, require.cache[path]]);
  for (const path of loaded) delete require.cache[path];
  const other = require(ENTRY);
  for (const [path, module] of kept) require.cache[path] = module;
  const options = { baseUrl: "gopher://x" };
  const [ours, theirs] = [Client, other.Client].map((type) => thrown(() => new type(options)));
  assert.deepEqual([ours instanceof ConfigError, theirs instanceof ConfigError], [true, false]);
  for (const error of [ours, theirs, new ConfigError("made by hand")]) {
    assert.deepEqual([isCxoneError(error), error.kind], [true, "config"]);
  }
  for (const value of [new Error("x"), new library.AbortError(), { kind: "config" }, null, "config"]) {
    assert.equal(isCxoneError(value), false);
  }
});
