// Tokens from a function of the caller's: whatever it is, and whatever it does.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { test } from "node:test";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { Client, ConfigError, Sandbox } from "cxone-actions";
import { AT_ONCE, accessTo, node, rejection, thrown } from "./support.mjs";

const REQUEST = { actionId: AT_ONCE, inputs: {} };

/** Asks the gateway's own token service, as a user's function would. */
async function fetchToken({ baseUrl, clientId, clientSecret }) {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
  });
  const answer = await fetch(`${baseUrl}/api/v2/oauth/token`, { method: "POST", body });
  const { access_token, expires_in } = await answer.json();
  return [access_token, expires_in * 1000];
}

/** A gateway, and clients of it that get their tokens from functions; all of them end with the test. */
function ground(t) {
  const sandbox = new Sandbox({ completeAfterMs: 5 });
  const { baseUrl, clientId, clientSecret, pollIntervalMs } = accessTo(sandbox);
  const clients = [];
  t.after(async () => {
    for (const client of clients) await client.close({ timeoutMs: 1 });
    sandbox.close();
  });
  const open = (token, options = {}) => {
    const client = new Client({ baseUrl, pollIntervalMs, token, ...options });
    clients.push(client);
    return client;
  };
  const issue = () => fetchToken({ baseUrl, clientId, clientSecret });
  return { sandbox, open, issue, posts: () => seen(sandbox, "token") };
}

function seen(sandbox, point) {
  return sandbox.requests.filter((request) => request.point === point).length;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("a_function_of_every_sort_is_asked_once_for_everybody", async (t) => {
  const { open, issue } = ground(t);
  const ready = await issue();
  const sorts = {
    a_promise_of_a_pair: issue,
    a_promise_of_a_token: async () => (await issue())[0],
    a_pair: () => ready,
    a_token: () => ready[0],
    an_object: () => ({ token: ready[0], expiresInMs: ready[1] }),
    a_promise_of_an_object_without_a_time: async () => ({ token: (await issue())[0] }),
  };
  for (const [name, token] of Object.entries(sorts)) {
    let calls = 0;
    const client = open(() => {
      calls += 1;
      return token();
    });
    const results = await Promise.all(Array.from({ length: 50 }, () => client.run(REQUEST)));
    assert.ok(
      results.every(({ ok }) => ok),
      name,
    );
    for await (const { error } of client.runMany(Array(20).fill(REQUEST))) assert.equal(error, null);
    assert.deepEqual([calls, client.metrics().tokenRefreshes], [1, 1], name);
  }
});

test("what_a_function_threw_is_the_cause_of_what_came_of_it_and_in_no_text_of_ours", async (t) => {
  const { open } = ground(t);
  for (const raised of [new RangeError("s3cr3t"), "s3cr3t", { secret: "s3cr3t" }]) {
    const client = open(async () => {
      throw raised;
    });
    const errors = [await rejection(client.run(REQUEST))];
    for await (const { error } of client.runMany([REQUEST])) errors.push(error);
    for (const error of errors) {
      assert.equal(error.cause, raised);
      assert.ok(!`${error.stack} ${JSON.stringify(error)} ${Object.keys(error)}`.includes("s3cr3t"));
      assert.equal(error.code, "CXONE_AUTH");
    }
  }
});

test("a_refused_token_is_asked_for_again_once", async (t) => {
  const { sandbox, open, issue, posts } = ground(t);
  const client = open(issue);
  await client.run(REQUEST);
  sandbox.inject("invoke", { status: 401 });
  assert.equal((await client.run(REQUEST)).attempts, 2);
  assert.equal(posts(), 2);
});

test("a_function_that_hangs_holds_up_nobody_while_its_last_token_serves", async (t) => {
  const { open, issue } = ground(t);
  let calls = 0;
  const client = open(async () => {
    calls += 1;
    if (calls > 1) return new Promise(() => {});
    return [(await issue())[0], 4000];
  });
  // One that is held up does not end in this time.
  const run = () => client.run(REQUEST, { timeoutMs: 2000 });
  await run();
  while (calls === 1) {
    await run();
    await sleep(20);
  }
  await run();
  assert.equal(calls, 2);
});

class VaultError extends Error {}

const WRONG = [
  [() => Promise.reject(new VaultError("s3cr3t")), "`token` raised `VaultError`"],
  [
    () => {
      throw new VaultError("s3cr3t");
    },
    "`token` raised `VaultError`",
  ],
  [() => Promise.reject("s3cr3t"), "`token` raised `string`"],
  [() => undefined, "`token` returned undefined"],
  [() => null, "`token` returned null"],
  [() => 7, "`token` returned number"],
  [() => ({ access_token: "s3cr3t" }), "`token` returned Object"],
  [() => ["s3cr3t", "soon"], "`token` returned Array"],
  [() => [], "`token` returned Array"],
  [() => ["s3cr3t", 0], "`token` returned a token that has already expired"],
  [() => ["s3cr3t", -5], "`token` returned a token that has already expired: its lifetime is negative"],
  [
    () => ["s3cr3t", Number.NaN],
    "`token` returned a token whose lifetime is not a number; leave it out where it is not known",
  ],
  [
    () => ["s3cr3t", Number.POSITIVE_INFINITY],
    "`token` returned a token whose lifetime is infinite; leave it out where it is not known",
  ],
  [() => "", "`token` returned a token that no header may hold"],
  [() => "s3cr3t\r\nX: y", "`token` returned a token that no header may hold"],
  [() => "s3cr3t\ud800", "`token` returned a token that no header may hold"],
];

test("what_a_function_does_wrong_is_a_typed_error_without_its_text", async (t) => {
  const { sandbox, open } = ground(t);
  for (const [token, says] of WRONG) {
    const client = open(token);
    const error = await rejection(client.run(REQUEST));
    assert.deepEqual([error.kind, error.executed], ["auth", "no"], says);
    assert.ok(error.message.startsWith(says), `${error.message} and not ${says}`);
    const records = JSON.stringify([...client.audit.records()]);
    const shown = `${inspect(error)} ${JSON.stringify(error)} ${error.stack} ${inspect(client)} ${records}`;
    assert.ok(!shown.includes("s3cr3t"), shown);
  }
  assert.equal(seen(sandbox, "invoke"), 0);
});

test("a_function_that_failed_is_asked_again_soon_and_not_all_the_time", async (t) => {
  const { open, issue } = ground(t);
  let calls = 0;
  const client = open(() => {
    calls += 1;
    if (calls < 3) throw new VaultError();
    return issue();
  });
  let failed = 0;
  for (;;) {
    try {
      await client.run(REQUEST);
      break;
    } catch (error) {
      assert.equal(error.kind, "auth");
      failed += 1;
      await sleep(10);
    }
  }
  assert.ok(failed > 2, "each call asked");
  assert.equal(calls, 3);
});

test("a_call_ends_at_its_deadline_or_when_the_client_closes_while_the_function_hangs", async (t) => {
  const { open } = ground(t);
  const client = open(() => new Promise(() => {}));
  const late = await rejection(client.run(REQUEST, { timeoutMs: 200 }));
  assert.deepEqual([late.kind, late.executed], ["unavailable", "no"]);
  const call = rejection(client.run(REQUEST));
  const began = performance.now();
  await client.close({ timeoutMs: 100 });
  assert.deepEqual([(await call).kind, (await call).executed], ["closed", "no"]);
  assert.ok(performance.now() - began < 20_000);
});

test("a_function_learns_when_its_token_is_waited_for_no_longer", async (t) => {
  const { open } = ground(t);
  const signals = [];
  const client = open(({ signal }) => {
    signals.push(signal);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const call = rejection(client.run(REQUEST));
  while (signals.length === 0) await sleep(1);
  assert.equal(signals[0].aborted, false);
  await client.close({ timeoutMs: 1 });
  assert.equal((await call).executed, "no");
  assert.equal(signals[0].aborted, true);
});

test("a_function_runs_in_the_context_in_which_the_client_was_made", async (t) => {
  const { open, issue } = ground(t);
  const where = new AsyncLocalStorage();
  const seenIn = [];
  const client = where.run("made here", () =>
    open(() => {
      seenIn.push(where.getStore());
      return issue();
    }),
  );
  await where.run("called here", () => client.run(REQUEST));
  assert.deepEqual(seenIn, ["made here"]);
});

test("what_is_neither_a_token_nor_a_function_is_refused_at_once", (t) => {
  const { sandbox, open, issue } = ground(t);
  for (const [given, says] of [
    [7, "`token` must be a string or a function, got a number"],
    [{}, "`token` must be a string or a function, got an object"],
    ["", "`token` must not be empty"],
    ["a b", "`token` must be a bearer token"],
  ]) {
    const error = thrown(() => open(given));
    assert.ok(error instanceof ConfigError);
    assert.ok(error.message.includes(says), error.message);
  }
  const { clientId, clientSecret } = sandbox;
  const both = thrown(() => open(issue, { clientId, clientSecret }));
  assert.match(both.message, /`token` excludes `clientId` and `clientSecret`/);
});

test("options_that_are_no_plain_object_are_refused_also_with_a_function_among_them", () => {
  class Options {
    baseUrl = "http://127.0.0.1:1";
  }
  const withFunctions = () =>
    Object.assign(new Options(), { token: () => "t", audit: "x", auditCheckpoints: () => {} });
  for (const [given, got] of [
    [new Options(), "an Options"],
    [withFunctions(), "an Options"],
    [new Map([["token", "t"]]), "a Map"],
    [() => ({}), "a function"],
    [[], "an Array"],
    [null, "null"],
  ]) {
    const error = thrown(() => new Client(given));
    assert.ok(error instanceof ConfigError);
    assert.equal(error.message, `the options must be a plain object, got ${got}`);
  }
  for (const given of [new Options(), new Map()])
    assert.match(
      thrown(() => new Sandbox(given)).message,
      /^the options of a sandbox must be .*(Options|Map)$/,
    );
});

test("a_worker_with_a_function_of_its_own_works_and_may_end_in_the_middle_of_it", async (t) => {
  const { sandbox, open, issue } = ground(t);
  const { baseUrl, clientId, clientSecret } = accessTo(sandbox);
  const source = (token) => `
    const { parentPort } = require("node:worker_threads");
    const { Client } = require("cxone-actions");
    const fetchToken = ${fetchToken};
    const issue = () => fetchToken(${JSON.stringify({ baseUrl, clientId, clientSecret })});
    const client = new Client({ baseUrl: "${baseUrl}", token: ${token} });
    client.run(${JSON.stringify(REQUEST)}).then(({ ok }) => parentPort.postMessage(ok));`;
  const working = new Worker(source("issue"), { eval: true });
  const [[ok]] = await Promise.all([once(working, "message"), once(working, "exit")]);
  assert.equal(ok, true);
  for (let round = 0; round < 5; round += 1) {
    const hanging = new Worker(
      source("() => { parentPort.postMessage('asked'); return new Promise(() => {}); }"),
      { eval: true },
    );
    assert.deepEqual(await once(hanging, "message"), ["asked"]);
    await hanging.terminate();
    assert.ok((await open(issue).run(REQUEST)).ok, "the main thread goes on");
  }
});

test("a_process_ends_in_time_while_a_function_hangs", async (t) => {
  const { sandbox } = ground(t);
  const ends = {
    exit: "setTimeout(() => process.exit(7), 100);",
    closes: "setTimeout(() => client.close({ timeoutMs: 50 }).then(() => { process.exitCode = 7; }), 100);",
  };
  for (const [name, end] of Object.entries(ends)) {
    const source = `
      const { Client } = require("cxone-actions");
      const client = new Client({ baseUrl: "${sandbox.baseUrl}", token: () => new Promise(() => {}) });
      client.run(${JSON.stringify(REQUEST)}).catch(() => {});
      ${end}`;
    const { code, signal, stderr, ms } = await node(["-e", source]);
    assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: "" }, name);
    assert.ok(ms < 40_000, `it took ${ms} ms`);
  }
});

test("a_client_whose_function_knows_it_is_collected_all_the_same", async (t) => {
  const { sandbox } = ground(t);
  const { baseUrl, clientId, clientSecret } = accessTo(sandbox);
  const source = `
    const { Client } = require("cxone-actions");
    const fetchToken = ${fetchToken};
    const gone = [];
    async function use() {
      const owner = {};
      owner.token = () => fetchToken(${JSON.stringify({ baseUrl, clientId, clientSecret })}).then((token) => (owner.client, token));
      owner.client = new Client({ baseUrl: "${baseUrl}", token: owner.token });
      await owner.client.run(${JSON.stringify(REQUEST)});
      gone.push(new WeakRef(owner), new WeakRef(owner.client));
    }
    (async () => {
      for (let n = 0; n < 3; n += 1) await use();
      for (let n = 0; n < 50 && gone.some((ref) => ref.deref()); n += 1) {
        // Whatever was looked at lives until the end of its turn.
        await new Promise((resolve) => setTimeout(resolve, 20));
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      process.exit(gone.filter((ref) => ref.deref()).length);
    })();`;
  const { code, stderr } = await node(["--expose-gc", "-e", source]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});
