// The deadline of one `invoke`: what it ends with says whether anything was sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connected, events, REQUEST, rejection } from "./support.mjs";

const LATE = { ...REQUEST, correlationId: "late" };
const OF_LATE = { correlationId: "late" };

test("a_deadline_on_the_wire_is_an_unknown_outcome_and_the_answer_is_recorded", async (t) => {
  const { sandbox, client } = connected(t);
  assert.ok((await client.run(REQUEST)).ok);
  sandbox.inject("invoke", { delay: 3 });
  const error = await rejection(client.invoke(LATE, { timeoutMs: 1000 }));
  assert.deepEqual([error.kind, error.executed, error.attempts], ["outcome_unknown", "unknown", 1]);
  assert.match(error.message, /the deadline passed while the request was on the wire/);
  while (client.metrics().detached === 0) await pause(10);
  assert.deepEqual(events(client, OF_LATE), ["started", "sending", "accepted", "detached"]);
  assert.equal(sandbox.executions("late"), 1);
});

test("a_deadline_before_the_send_is_a_definite_error", async (t) => {
  const { sandbox, client } = connected(t);
  sandbox.inject("token", { delay: 20 }, 9);
  const error = await rejection(client.invoke(LATE, { timeoutMs: 300 }));
  assert.deepEqual([error.kind, error.executed], ["unavailable", "no"]);
  assert.match(error.hint, /nothing was sent; allow a longer `timeoutMs`/);
  assert.deepEqual(events(client, OF_LATE), ["started", "rejected"]);
  assert.equal(sandbox.executions("late"), 0);
  await client.close({ timeoutMs: 1 });
});

test("a_deadline_that_is_over_at_once_sends_nothing", async (t) => {
  const { sandbox, client } = connected(t);
  assert.ok((await client.run(REQUEST)).ok);
  const sent = sandbox.requests.length;
  for (const call of ["invoke", "run"]) {
    const error = await rejection(client[call](REQUEST, { timeoutMs: 0.001 }));
    assert.equal(error.executed, "no");
    assert.match(error.message, /deadline/);
  }
  assert.equal(sandbox.requests.length, sent);
});

test("a_deadline_that_cannot_be_is_refused_before_anything_is_sent", async (t) => {
  const { sandbox, client } = connected(t);
  for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, "5"]) {
    const error = await rejection(client.invoke(REQUEST, { timeoutMs }));
    assert.deepEqual([error.kind, error.executed], ["config", "no"]);
    assert.match(error.message, /`timeoutMs` must be/);
  }
  assert.deepEqual(sandbox.requests, []);
});
