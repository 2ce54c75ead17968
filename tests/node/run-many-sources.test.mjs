// Sources that misbehave: a batch ends with a clear error, in time, and loses no outcome.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_ONCE, connected, rejection } from "./support.mjs";

const request = (n) => ({ actionId: AT_ONCE, inputs: { n } });

/** Two requests, and then what `members` make of the iterator. */
function misbehaving(members) {
  let given = 0;
  const next = () => ({ done: false, value: request(given++) });
  const { next: then = () => ({ done: true }), ...rest } = members;
  return { [Symbol.iterator]: () => ({ next: () => (given < 2 ? next() : then()), ...rest }) };
}

test("a_source_that_breaks_the_protocol_ends_the_loop_after_the_outcomes_of_what_it_gave", async (t) => {
  const { client } = connected(t);
  const fails = () => {
    throw new RangeError("mine");
  };
  const noObject = /`next` of the iterator of `requests` must give an object with `done` and `value`, got /;
  const cases = [
    [misbehaving({ next: () => 5 }), [0, 1], noObject],
    [misbehaving({ next: () => undefined }), [0, 1], noObject],
    [misbehaving({ next: async () => null }), [0, 1], noObject],
    [misbehaving({ next: fails }), [0, 1], /^mine$/],
    [misbehaving({ next: async () => fails() }), [0, 1], /^mine$/],
    [misbehaving({ next: () => Object.defineProperty({}, "done", { get: fails }) }), [0, 1], /^mine$/],
    [misbehaving({ next: () => Object.defineProperty({}, "value", { get: fails }) }), [0, 1], /^mine$/],
    [{ [Symbol.iterator]: () => 5 }, [], /the iterator of `requests` must have a `next`, got number/],
    [{ [Symbol.iterator]: () => undefined }, [], /must have a `next`, got undefined/],
    [{ [Symbol.asyncIterator]: () => ({ next: 5 }) }, [], /must have a `next`, got Object/],
    [{ [Symbol.asyncIterator]: fails }, [], /^mine$/],
  ];
  for (const [requests, indices, message] of cases) {
    const seen = [];
    const error = await rejection(
      (async () => {
        for await (const { index, result } of client.runMany(requests)) if (result.ok) seen.push(index);
      })(),
    );
    assert.match(error.message, message);
    assert.deepEqual(seen.sort(), indices);
  }
});

test("a_source_that_does_not_end_when_it_is_left_is_not_waited_for_for_ever", async (t) => {
  const { client } = connected(t);
  const given = [];
  const unending = () => misbehaving({ return: () => new Promise(() => {}) });
  const late = () =>
    misbehaving({ return: () => new Promise((_, reject) => setTimeout(reject, 5200, new Error("late"))) });
  const leave = async (requests) => {
    for await (const { result } of client.runMany(requests, { concurrency: 1 })) {
      given.push(result.ok);
      break;
    }
  };
  const begun = async () => {
    const outcomes = client.runMany(unending(), { concurrency: 1 });
    given.push((await outcomes.next()).value.result.ok);
    return outcomes;
  };
  const told = await Promise.all([
    rejection(leave(unending())),
    rejection(leave(late())),
    begun().then((outcomes) => rejection(outcomes.return())),
    begun().then((outcomes) => rejection(outcomes[Symbol.asyncDispose]())),
    begun().then((outcomes) => rejection(outcomes.throw(new RangeError("mine")))),
  ]);
  const message =
    "`requests` did not end within 5 s of being told to: `return` of its iterator never settled";
  assert.deepEqual(
    told.map((error) => error.message),
    [message, message, message, message, "mine"],
  );
  assert.deepEqual(given, [true, true, true, true, true]);
  // What it says afterwards is nobody's news, or this test would fail of it.
  await new Promise((resolve) => setTimeout(resolve, 500));
});

test("what_a_source_throws_when_it_is_left_is_told_where_nothing_else_is", async (t) => {
  const { client } = connected(t);
  const fails = () => {
    throw new RangeError("of the source");
  };
  const outcomes = (signal) => client.runMany(misbehaving({ return: fails }), { concurrency: 1, signal });
  const leave = async (how, signal) => {
    for await (const { result } of outcomes(signal)) {
      assert.ok(result.ok);
      if (how()) break;
    }
  };
  const controller = new AbortController();
  const errors = [
    await rejection(leave(() => true)),
    await rejection(
      leave(() => {
        throw new RangeError("of the loop");
      }),
    ),
    await rejection(leave(() => controller.abort("enough"), controller.signal)),
  ];
  assert.deepEqual(
    errors.map(({ cause, message }) => cause ?? message),
    ["of the source", "of the loop", "enough"],
  );
  // Who has read it to its end leaves nothing.
  await leave(() => false);
});
