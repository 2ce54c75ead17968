// Many requests: one outcome each, read lazily, and nothing left behind by those who leave early.
import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { Readable } from "node:stream";
import { test } from "node:test";
import { ConfigError, Outcome } from "cxone-actions";
import { ACTION, AT_ONCE, connected, FAILS, NEVER_ENDS, rejection, thrown } from "./support.mjs";

const request = (n, actionId = AT_ONCE) => ({ actionId, inputs: { n }, correlationId: `corr-${n}` });

/** A source that tells how far it was read and whether it was closed. */
function source(count, make = request) {
  const told = { read: 0, closed: false };
  function* requests() {
    try {
      for (let n = 0; n < count; n += 1) {
        told.read += 1;
        yield make(n);
      }
    } finally {
      told.closed = true;
    }
  }
  return Object.assign(told, { requests: requests() });
}

test("every_request_has_one_outcome_and_none_is_lost_to_anothers_error", async (t) => {
  const { client, sandbox } = connected(t);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const bad = { actionId: "bad", inputs: { proxy } };
  const make = (n) => (n % 10 === 3 ? bad : request(n, n % 10 === 7 ? FAILS : AT_ONCE));
  const outcomes = [];
  for await (const outcome of client.runMany(source(200, make).requests, { concurrency: 16 }))
    outcomes.push(outcome);
  assert.deepEqual(
    outcomes.map(({ index }) => index).sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, n) => n),
  );
  for (const { index, request, result, error } of outcomes) {
    assert.ok((result === null) !== (error === null));
    if (request !== bad) assert.deepEqual(request, make(index));
    assert.equal(error?.kind, index % 10 === 3 ? "validation" : undefined);
    if (result) {
      assert.equal(result.status, index % 10 === 7 ? "FAILED" : "COMPLETED");
      assert.equal(sandbox.executions(`corr-${index}`), 1);
    }
  }
  assert.ok(outcomes[0] instanceof Outcome);
});

test("sources_of_every_kind_are_read", async (t) => {
  const { client } = connected(t);
  async function* later() {
    for (let n = 0; n < 3; n += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      yield request(`later-${n}`);
    }
  }
  const sources = [
    [request("a"), request("b"), request("c")],
    new Set([request("d"), request("e"), request("f")]),
    [Promise.resolve(request("g")), request("h"), request("i")],
    later(),
  ];
  for (const requests of sources) {
    const outcomes = [];
    for await (const { result } of client.runMany(requests)) outcomes.push(result.ok);
    assert.deepEqual(outcomes, [true, true, true]);
  }
  for await (const _ of client.runMany([])) assert.fail("there is nothing in it");
});

test("the_source_is_read_lazily_and_never_more_than_the_concurrency_ahead", async (t) => {
  const { client } = connected(t);
  const told = source(1000);
  let taken = 0;
  for await (const _ of client.runMany(told.requests, { concurrency: 4 })) {
    taken += 1;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(told.read <= taken + 4, `${told.read} read, ${taken} taken`);
    if (taken === 50) break;
  }
  assert.ok(told.closed, "the source is closed when the loop is left");
});

test("nothing_is_read_before_the_loop_begins", async (t) => {
  const { client } = connected(t);
  const told = source(3);
  const outcomes = client.runMany(told.requests);
  assert.equal(told.read, 0);
  await outcomes.return();
  assert.equal(told.read, 0);
});

test("leaving_the_loop_gives_up_the_waits_and_counts_them", async (t) => {
  const { client } = connected(t);
  const make = (n) => request(n, n === 0 ? AT_ONCE : NEVER_ENDS);
  for await (const { index } of client.runMany(source(100, make).requests, { concurrency: 8 })) {
    assert.equal(index, 0);
    break;
  }
  await client.close();
  const { inFlight, completed, started } = client.metrics();
  assert.equal(inFlight, 0);
  assert.equal(completed, 1);
  assert.ok(started <= 9);
});

test("an_aborted_signal_ends_the_loop_with_its_reason", async (t) => {
  const { client } = connected(t);
  const controller = new AbortController();
  const told = source(100, (n) => request(n, n === 0 ? ACTION : NEVER_ENDS));
  const seen = [];
  const error = await rejection(
    (async () => {
      const { signal } = controller;
      for await (const { index } of client.runMany(told.requests, { concurrency: 4, signal })) {
        seen.push(index);
        queueMicrotask(() => controller.abort("enough"));
      }
    })(),
  );
  assert.equal(error.name, "AbortError");
  assert.equal(error.cause, "enough");
  assert.deepEqual(seen, [0]);
  assert.ok(told.closed);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("a_source_that_fails_ends_the_loop_after_the_outcomes_of_what_it_gave", async (t) => {
  const { client } = connected(t);
  async function* failing() {
    yield request(1);
    yield request(2);
    throw new TypeError("the file ended in the middle");
  }
  const seen = [];
  const error = await rejection(
    (async () => {
      for await (const { index } of client.runMany(failing())) seen.push(index);
    })(),
  );
  assert.ok(error instanceof TypeError);
  assert.deepEqual(seen.sort(), [0, 1]);
});

test("a_source_that_never_answers_does_not_hold_whoever_leaves", async (t) => {
  const { client } = connected(t);
  async function* stuck() {
    yield request(1);
    await new Promise(() => {});
  }
  for await (const { result } of client.runMany(stuck())) {
    assert.ok(result.ok);
    break;
  }
});

test("an_action_that_its_own_limit_keeps_does_not_keep_the_others", async (t) => {
  const limited = { id: NEVER_ENDS, concurrency: 1, inputs: "*" };
  const { client } = connected(t, { policy: { action: [limited, { id: AT_ONCE, inputs: "*" }] } });
  const told = source(100, (n) => request(n, n < 5 ? NEVER_ENDS : AT_ONCE));
  let taken = 0;
  const options = { concurrency: 4, timeoutMs: 30_000 };
  for await (const { index, result } of client.runMany(told.requests, options)) {
    assert.ok(index >= 5 && result?.ok, `the outcome of ${index}`);
    assert.ok(told.read <= taken + 8, `${told.read} read, ${taken} taken`);
    taken += 1;
    if (taken === 80) break;
  }
  assert.deepEqual([taken, told.closed], [80, true]);
  await client.close();
  const { started, completed, inFlight } = client.metrics();
  assert.ok(inFlight === 0 && started - completed <= 6, `${started} begun, ${completed} completed`);
});

test("a_return_settles_what_waits_for_an_outcome_at_once_and_stops_everything", async (t) => {
  const { client } = connected(t);
  const told = source(100, (n) => request(n, NEVER_ENDS));
  const outcomes = client.runMany(told.requests, { concurrency: 4 });
  const waiting = [outcomes.next(), outcomes.next()];
  while (client.metrics().started < 4) await new Promise((resolve) => setImmediate(resolve));
  const over = { done: true, value: undefined };
  assert.deepEqual(await outcomes.return(), over);
  assert.deepEqual(await Promise.all(waiting), [over, over]);
  assert.ok(told.closed);
  assert.deepEqual([told.read, await outcomes.next(), await outcomes.return()], [4, over, over]);
  await client.close();
  assert.equal(client.metrics().inFlight, 0);
});

test("destroying_a_stream_over_it_stops_everything", async (t) => {
  const { client } = connected(t);
  const told = source(100, (n) => request(n, n === 0 ? AT_ONCE : NEVER_ENDS));
  const stream = Readable.from(client.runMany(told.requests, { concurrency: 4 }));
  for await (const { index } of stream) {
    assert.equal(index, 0);
    break;
  }
  const another = source(100, (n) => request(n, NEVER_ENDS));
  const failing = Readable.from(client.runMany(another.requests, { concurrency: 4 }));
  failing.resume();
  while (another.read < 4) await new Promise((resolve) => setImmediate(resolve));
  const failed = once(failing, "close").catch((error) => error);
  failing.destroy(new RangeError("enough"));
  assert.equal((await failed).message, "enough");
  assert.deepEqual([told.closed, another.closed], [true, true]);
  await client.close();
  assert.equal(client.metrics().inFlight, 0);
});

test("whoever_asks_for_several_outcomes_at_once_is_given_each_of_them_once", async (t) => {
  const { client } = connected(t);
  const outcomes = client.runMany(source(3).requests);
  const asked = await Promise.all(Array.from({ length: 5 }, () => outcomes.next()));
  assert.deepEqual(
    asked.map(({ done }) => done),
    [false, false, false, true, true],
  );
  assert.deepEqual(
    asked
      .slice(0, 3)
      .map(({ value }) => value.index)
      .sort(),
    [0, 1, 2],
  );
});

test("it_is_left_by_an_error_and_by_the_end_of_a_block_too", async (t) => {
  const { client } = connected(t);
  for (const leave of [
    async (outcomes) =>
      assert.equal((await rejection(outcomes.throw(new RangeError("mine")))).message, "mine"),
    async (outcomes) => assert.equal(await outcomes[Symbol.asyncDispose](), undefined),
  ]) {
    const told = source(9);
    const outcomes = client.runMany(told.requests, { concurrency: 2 });
    assert.equal((await outcomes.next()).done, false);
    await leave(outcomes);
    assert.deepEqual([told.closed, (await outcomes.next()).done], [true, true]);
  }
});

test("a_signal_aborted_while_nobody_asks_stops_everything_and_is_told_to_the_next_who_does", async (t) => {
  const { client } = connected(t);
  const controller = new AbortController();
  const told = source(100, (n) => request(n, n === 0 ? AT_ONCE : NEVER_ENDS));
  const outcomes = client.runMany(told.requests, { concurrency: 4, signal: controller.signal });
  assert.equal((await outcomes.next()).value.index, 0);
  controller.abort("enough");
  assert.ok(told.closed);
  const error = await rejection(outcomes.next());
  assert.deepEqual([error.name, error.cause], ["AbortError", "enough"]);
  assert.equal((await outcomes.next()).done, true);
});

test("a_source_that_ends_the_loop_from_within_is_closed", async (t) => {
  const { client } = connected(t);
  const controller = new AbortController();
  const told = source(9, (n) => {
    if (n === 1) controller.abort("enough");
    return request(n);
  });
  const outcomes = client.runMany(told.requests, { concurrency: 1, signal: controller.signal });
  assert.equal((await outcomes.next()).value.index, 0);
  assert.equal((await rejection(outcomes.next())).cause, "enough");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([told.closed, told.read, (await outcomes.next()).done], [true, 2, true]);
});

test("a_request_that_is_promised_and_fails_ends_the_loop_and_closes_the_source", async (t) => {
  const { client } = connected(t);
  const told = source(9, (n) => (n === 2 ? Promise.reject(new RangeError("no such row")) : request(n)));
  const seen = [];
  const error = await rejection(
    (async () => {
      for await (const { index } of client.runMany(told.requests)) seen.push(index);
    })(),
  );
  assert.deepEqual([error.message, seen.sort(), told.closed], ["no such row", [0, 1], true]);
});

test("its_own_concurrency_never_overloads_it", async (t) => {
  const { client } = connected(t, { maxInFlight: 4, maxQueued: 8 });
  const kinds = new Set();
  for await (const { error } of client.runMany(source(400).requests, { concurrency: 100 }))
    kinds.add(error?.kind ?? "completed");
  assert.deepEqual(Array.from(kinds), ["completed"]);
});

test("each_request_has_a_deadline_of_its_own", async (t) => {
  const { client } = connected(t);
  const kinds = [];
  const requests = source(6, (n) => request(n, n % 2 ? NEVER_ENDS : AT_ONCE)).requests;
  for await (const { result, error } of client.runMany(requests, { timeoutMs: 1500, concurrency: 3 })) {
    kinds.push(result?.status ?? error.kind);
  }
  assert.deepEqual(kinds.sort(), [
    "COMPLETED",
    "COMPLETED",
    "COMPLETED",
    "poll_timeout",
    "poll_timeout",
    "poll_timeout",
  ]);
});

test("arguments_that_cannot_work_are_refused_at_once", (t) => {
  const { client } = connected(t);
  const cases = [
    [() => client.runMany(7), /`requests` must be an iterable of requests, got number/],
    [() => client.runMany("text"), /`requests` must be an iterable of requests, got string/],
    [() => client.runMany([], { concurrency: 0 }), /`concurrency` must be a whole number from 1/],
    [() => client.runMany([], { concurrency: 1.5 }), /`concurrency` must be a whole number from 1/],
    [() => client.runMany([], { concurency: 1 }), /`concurency` is not an option of this call/],
  ];
  for (const [call, message] of cases) {
    const error = thrown(call);
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, message);
  }
});

test("an_outcome_can_be_written_as_json_whatever_its_request_held", async (t) => {
  const { client } = connected(t);
  const itself = { actionId: ACTION, inputs: {} };
  itself.inputs.again = itself;
  const requests = [
    { actionId: ACTION, inputs: { customerId: "a", n: 2n ** 60n } },
    { actionId: ACTION, inputs: { customerId: new Date(0) } },
    itself,
  ];
  const written = [];
  for await (const outcome of client.runMany(requests)) {
    const { index, result, error } = outcome;
    written[index] = JSON.parse(JSON.stringify(outcome));
    assert.deepEqual(written[index].error, error && JSON.parse(JSON.stringify(error)));
    assert.deepEqual(written[index].result, result && JSON.parse(JSON.stringify(result)));
  }
  assert.deepEqual(
    written.map(({ request }) => request.inputs),
    [
      { customerId: "a", n: String(2n ** 60n) },
      { customerId: "1970-01-01T00:00:00.000Z" },
      { again: "[Circular]" },
    ],
  );
});
