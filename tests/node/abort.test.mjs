// Giving up a wait: it ends at once, leaves nothing behind, and never touches what the gateway does.
import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { test } from "node:test";
import { AbortError, CxoneError } from "cxone-actions";
import { ACTION, connected, events, NEVER_ENDS, REQUEST, rejection } from "./support.mjs";

const listeners = (signal) => getEventListeners(signal, "abort").length;

/** Resolves when the gateway has seen so many requests at a point. */
async function seen(sandbox, point, count = 1) {
  while (sandbox.requests.filter((request) => request.point === point).length < count) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves when the numbers satisfy the condition. */
async function settled(client, condition) {
  while (!condition(client.metrics())) await new Promise((resolve) => setImmediate(resolve));
}

test("a_signal_that_is_aborted_already_ends_every_call_before_anything_happens", async (t) => {
  const { client, sandbox } = connected(t);
  const signal = AbortSignal.abort("not wanted any more");
  const calls = [
    client.invoke(REQUEST, { signal }),
    client.run(REQUEST, { signal }),
    client.poll("inv-1", { signal }),
    client.run("not even a request", { signal }),
    client.describe(ACTION, { signal }),
    client.runMany([REQUEST], { signal }).next(),
  ];
  for (const call of calls) {
    const error = await rejection(call);
    assert.ok(error instanceof AbortError && !(error instanceof CxoneError));
    assert.equal(error.name, "AbortError");
    assert.equal(error.code, "ABORT_ERR");
    assert.equal(error.cause, "not wanted any more");
    assert.match(error.stack, /abort\.test\.mjs/);
  }
  assert.deepEqual(sandbox.requests, []);
  assert.equal(client.metrics().started, 0);
});

test("aborting_during_the_post_ends_the_wait_and_the_action_is_executed_once_and_recorded", async (t) => {
  const { client, sandbox } = connected(t);
  sandbox.inject("invoke", { delay: 1 });
  const controller = new AbortController();
  const correlationId = "corr-post";
  const call = rejection(client.run({ ...REQUEST, correlationId }, { signal: controller.signal }));
  await seen(sandbox, "invoke");
  const reason = new Error("the customer hung up");
  controller.abort(reason);
  const error = await call;
  assert.equal(error.name, "AbortError");
  assert.equal(error.cause, reason);
  assert.equal(listeners(controller.signal), 0);
  await settled(client, ({ detached }) => detached === 1);
  assert.ok(events(client, { correlationId }).includes("accepted"));
  assert.equal(sandbox.executions(correlationId), 1);
});

test("aborting_during_the_poll_leaves_an_invocation_that_another_poll_finishes", async (t) => {
  const { client, sandbox } = connected(t);
  const invocation = await client.invoke(REQUEST);
  sandbox.inject("poll", { merge: { status: "RUNNING" } }, 2 ** 32 - 1);
  const controller = new AbortController();
  const call = rejection(client.poll(invocation, { signal: controller.signal }));
  await seen(sandbox, "poll");
  controller.abort();
  assert.equal((await call).name, "AbortError");
  sandbox.clear();
  assert.equal((await client.poll(invocation.resumeToken)).status, "COMPLETED");
  const { completed, detached, inFlight } = client.metrics();
  assert.deepEqual({ completed, detached, inFlight }, { completed: 1, detached: 0, inFlight: 0 });
});

test("aborting_in_a_backoff_sends_nothing_more", async (t) => {
  const { client, sandbox } = connected(t);
  sandbox.inject("invoke", { status: 429, retryAfter: 20 });
  const controller = new AbortController();
  const call = rejection(client.run({ ...REQUEST, correlationId: "corr-b" }, { signal: controller.signal }));
  await settled(client, ({ rateLimited }) => rateLimited === 1);
  controller.abort();
  assert.equal((await call).name, "AbortError");
  await client.close();
  assert.equal(sandbox.executions("corr-b"), 0);
  assert.equal(client.metrics().aborted, 1);
});

test("one_signal_serves_a_thousand_calls_without_a_warning_and_without_a_listener_left", async (t) => {
  const warnings = [];
  const warn = (warning) => warnings.push(warning);
  process.on("warning", warn);
  t.after(() => process.off("warning", warn));
  const { client } = connected(t, { maxInFlight: 64, maxQueued: 2000 });
  const controller = new AbortController();
  const { signal } = controller;
  const done = await Promise.all(Array.from({ length: 1000 }, () => client.invoke(REQUEST, { signal })));
  assert.equal(done.length, 1000);
  assert.equal(listeners(signal), 0, "a call that is over has taken its listener away");

  const waiting = Array.from({ length: 1000 }, () =>
    rejection(client.run({ actionId: NEVER_ENDS, inputs: {} }, { signal })),
  );
  await settled(client, ({ started }) => started === 2000);
  assert.equal(listeners(signal), 1);
  controller.abort();
  for (const error of await Promise.all(waiting)) assert.equal(error.name, "AbortError");
  assert.equal(listeners(signal), 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});

test("each_of_three_hundred_derived_signals_ends_its_own_wait", async (t) => {
  const { client } = connected(t, { maxQueued: 300 });
  const controller = new AbortController();
  const waiting = Array.from({ length: 300 }, () => {
    const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(60_000)]);
    return rejection(client.run({ actionId: NEVER_ENDS, inputs: {} }, { signal }));
  });
  await settled(client, ({ started }) => started === 300);
  controller.abort("all of you");
  for (const error of await Promise.all(waiting)) assert.equal(error.cause, "all of you");
});

test("a_close_that_is_given_up_goes_on_and_is_over_once", async (t) => {
  const { client, sandbox } = connected(t);
  sandbox.inject("invoke", { delay: 0.2 });
  const call = client.run({ ...REQUEST, correlationId: "corr-close" });
  await seen(sandbox, "invoke");
  const controller = new AbortController();
  const closing = rejection(client.close({ signal: controller.signal }));
  controller.abort("no time");
  const error = await closing;
  assert.deepEqual([error.name, error.cause], ["AbortError", "no time"]);
  assert.equal(
    (await rejection(client.close({ signal: AbortSignal.abort("none at all") }))).cause,
    "none at all",
  );
  assert.equal((await rejection(client.run(REQUEST))).kind, "closed");
  assert.ok((await call).ok, "what was under way is finished");
  await client.close();
  assert.equal(events(client).at(-1), "closed");
});

test("a_timeout_signal_ends_the_wait_with_its_reason", async (t) => {
  const { client } = connected(t);
  const signal = AbortSignal.timeout(50);
  const error = await rejection(client.run({ actionId: NEVER_ENDS, inputs: {} }, { signal }));
  assert.equal(error.name, "AbortError");
  assert.equal(error.cause.name, "TimeoutError");
});

test("a_signal_that_is_aborted_too_late_changes_nothing", async (t) => {
  const { client } = connected(t);
  const controller = new AbortController();
  const aborted = once(controller.signal, "abort");
  const result = await client.run(REQUEST, { signal: controller.signal });
  controller.abort();
  await aborted;
  assert.equal(result.status, "COMPLETED");
});

test("something_that_is_no_signal_is_refused_by_name", async (t) => {
  const { client } = connected(t);
  const neverForgets = { aborted: false, addEventListener() {} };
  for (const signal of ["x", 1, {}, () => 1, neverForgets]) {
    const error = await rejection(client.run(REQUEST, { signal }));
    assert.equal(error.kind, "config");
    assert.match(error.message, /`signal` must be an AbortSignal/);
  }
});

test("what_is_no_plain_object_is_no_options_of_a_call", async (t) => {
  const { client, sandbox } = connected(t);
  for (const options of [new AbortController().signal, [], new Map(), 5]) {
    await assert.rejects(client.run(REQUEST, options), { name: "ConfigError", message: /plain object/ });
  }
  assert.equal(sandbox.requests.length, 0);
});
