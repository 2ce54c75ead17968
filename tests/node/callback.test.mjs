// `onResult`: called once per terminal result, and never able to change it.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { ActionResult } from "cxone-actions";
import {
  ACTION,
  AT_ONCE,
  connected,
  events,
  FAILS,
  INPUTS,
  IS_CANCELLED,
  NEVER_ENDS,
  REQUEST,
  rejection,
} from "./support.mjs";

test("the_callback_gets_the_result_once_and_before_the_promise_is_settled", async (t) => {
  const { client } = connected(t);
  for (const actionId of [ACTION, FAILS, IS_CANCELLED, AT_ONCE]) {
    const delivered = [];
    const result = await client.run(
      { actionId, inputs: INPUTS },
      { onResult: (given) => delivered.push(given) },
    );
    assert.equal(delivered.length, 1);
    assert.ok(delivered[0] instanceof ActionResult);
    assert.deepEqual(delivered[0], result);
  }
  const invocation = await client.invoke(REQUEST);
  let awaited = false;
  const polled = await client.poll(invocation, {
    onResult: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      awaited = true;
    },
  });
  assert.ok(awaited && polled.ok);
});

test("what_a_callback_throws_is_recorded_by_its_class_and_the_result_is_kept", async (t) => {
  class SinkDown extends Error {}
  const cases = [
    [
      () => {
        throw new SinkDown("secret text");
      },
      "SinkDown",
    ],
    [
      async () => {
        throw new TypeError("secret text");
      },
      "TypeError",
    ],
    [() => Promise.reject(new SinkDown("secret text")), "SinkDown"],
    [
      () => {
        throw "secret text";
      },
      "string",
    ],
    [
      () => {
        throw undefined;
      },
      "undefined",
    ],
    [
      () => {
        throw new Proxy(new Error(), {
          get: () => {
            throw new Error("secret text");
          },
        });
      },
      "Error",
    ],
  ];
  for (const [onResult, name] of cases) {
    const { client } = connected(t);
    const result = await client.run(REQUEST, { onResult });
    assert.equal(result.status, "COMPLETED");
    const records = Array.from(client.audit.records({ event: "callback_failed" }));
    assert.equal(records.length, 1);
    assert.match(JSON.stringify(records), new RegExp(name));
    assert.doesNotMatch(JSON.stringify(records), /secret text/);
    assert.equal(client.metrics().callbackFailures, 1);
    assert.equal(client.metrics().completed, 1);
  }
});

test("a_callback_may_use_the_client_again", async (t) => {
  const { client } = connected(t);
  let inner;
  const outer = await client.run(REQUEST, {
    onResult: async () => {
      inner = await client.run(REQUEST);
      client.metrics();
      events(client);
    },
  });
  assert.ok(outer.ok && inner.ok);
  assert.equal(client.metrics().completed, 2);
});

test("a_callback_may_close_the_client_and_the_result_is_kept", async (t) => {
  const { client } = connected(t);
  const result = await client.run(REQUEST, { onResult: () => client.close() });
  assert.equal(result.status, "COMPLETED");
  assert.equal((await rejection(client.run(REQUEST))).kind, "closed");
});

test("aborting_while_a_callback_hangs_ends_the_wait", async (t) => {
  const { client } = connected(t);
  const controller = new AbortController();
  const call = client.run(REQUEST, {
    signal: controller.signal,
    onResult: () => {
      controller.abort();
      return new Promise(() => undefined);
    },
  });
  assert.equal((await rejection(call)).name, "AbortError");
});

test("no_callback_for_what_is_no_result", async (t) => {
  const { client, sandbox } = connected(t);
  let calls = 0;
  const onResult = () => {
    calls += 1;
  };
  sandbox.inject("invoke", { status: 400 });
  assert.equal((await rejection(client.run(REQUEST, { onResult }))).kind, "rejected");
  assert.equal(
    (await rejection(client.run({ actionId: NEVER_ENDS, inputs: {} }, { onResult, timeoutMs: 1000 }))).kind,
    "poll_timeout",
  );
  assert.equal(calls, 0);
  assert.match(
    (await rejection(client.run(REQUEST, { onResult: "x" }))).message,
    /`onResult` must be a function/,
  );
});

test("a_callback_runs_in_the_context_of_its_caller", async (t) => {
  const { client } = connected(t);
  const storage = new AsyncLocalStorage();
  const seen = [];
  const run = (id) =>
    storage.run(id, () => client.run(REQUEST, { onResult: () => seen.push(storage.getStore()) }));
  await Promise.all([run("a"), run("b")]);
  assert.deepEqual(seen.sort(), ["a", "b"]);
});
