// Callbacks: a listener of the client's own, and a server of the user's that hands requests to `notify`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { CallbackListener, Client, ClosedError, ConfigError, Sandbox } from "cxone-actions";
import { blocks, ran, shows } from "./pages.mjs";
import { ENTRY, NEVER_ENDS, node, REQUEST, ROOT, rejection, thrown } from "./support.mjs";

const { Webhook, WebhookVerificationError } = createRequire(join(ROOT, "tests", "node", "runners", "x.js"))(
  "standardwebhooks",
);

const secretOf = (text) => `whsec_${Buffer.from(text).toString("base64")}`;
const SECRET = secretOf("a secret of thirty-two bytes, yes");
const FOREIGN = secretOf("another secret of thirty-two byte");
/** The first look without a callback comes after 24 s at the earliest: whatever took less was called back. */
const SAFETY_NET_MS = 20_000;

/** A gateway whose actions take long enough to be looked at several times, and a client of it. */
function slow(t, options = {}, sandboxOptions = {}) {
  const sandbox = new Sandbox({ completeAfterMs: 1000, callbackSecret: SECRET, ...sandboxOptions });
  const client = new Client({ ...sandbox.options, callbackSecret: SECRET, ...options });
  t.after(async () => {
    await client.close({ timeoutMs: 1 });
    sandbox.close();
  });
  return { sandbox, client };
}

const posted = ({ requests }) =>
  requests.filter(({ point }) => point === "invoke").map(({ body }) => JSON.parse(body));
const polls = ({ requests }) => requests.filter(({ point }) => point === "poll").length;

/** The headers that the official package makes for a callback. */
function signed(body, { secret = SECRET, minutes = 0, name = "msg_1" } = {}) {
  const moment = new Date(Date.now() + minutes * 60_000);
  return {
    "webhook-id": name,
    "webhook-timestamp": String(Math.floor(moment.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(name, moment, body),
  };
}

/** The callback URL of an invocation that never ends, for which somebody waits until the client is closed. */
async function waitedFor({ client, sandbox }) {
  const waiting = rejection(client.run({ actionId: NEVER_ENDS, inputs: {} }));
  while (posted(sandbox).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const url = new URL(posted(sandbox)[0].callbackUrl);
  return { url, waiting };
}

/** Resolves when nobody listens there any more; the test's own limit ends it otherwise. */
async function untilRefused(port) {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const [refused] = await Promise.race([once(socket, "connect"), once(socket, "error")]).catch((e) => [e]);
    socket.destroy();
    if (refused) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a_callback_ends_the_wait_and_the_result_is_the_gateways_own", async (t) => {
  const { client, sandbox } = slow(t);
  const listener = await client.listenCallbacks();
  assert.ok(listener instanceof CallbackListener);
  assert.equal(listener.url, `http://127.0.0.1:${listener.port}`);
  const began = performance.now();
  const result = await client.run(REQUEST);
  assert.ok(performance.now() - began < SAFETY_NET_MS);
  assert.deepEqual([result.ok, result.outputs.queue], [true, "priority-support"]);
  assert.ok(polls(sandbox) <= 2, `${polls(sandbox)} looks`);
  const [{ callbackUrl }] = posted(sandbox);
  assert.ok(callbackUrl.startsWith(`${listener.url}/`));
  const secretPath = callbackUrl.split("/").at(-1);
  assert.equal(Buffer.from(secretPath, "base64url").length, 32);
  const records = JSON.stringify([...client.audit.records()]);
  const metrics = client.metrics();
  assert.ok(![records, metrics.prometheus(), JSON.stringify(result)].join().includes(secretPath));
  assert.equal(metrics.callbacks.woke, 1);
  assert.equal(metrics.callbacks.too_large, 0);
});

test("a_closed_listener_is_gone_and_invocations_are_polled_again", async (t) => {
  const { client, sandbox } = slow(t, { pollIntervalMs: 20 }, { completeAfterMs: 50 });
  const listener = await client.listenCallbacks(null);
  listener.close();
  listener.close();
  await untilRefused(listener.port);
  assert.ok((await client.run(REQUEST)).ok);
  assert.ok(!("callbackUrl" in posted(sandbox)[0]));
  const again = await client.listenCallbacks({ host: "localhost", port: listener.port });
  assert.equal(again.port, listener.port);
  const third = await client.listenCallbacks({
    host: "0.0.0.0",
    publicUrl: "https://hooks.example.com/cxone/",
  });
  assert.equal(third.url, "https://hooks.example.com/cxone");
  await again[Symbol.asyncDispose]();
  third[Symbol.dispose]();
  await client.close();
  await Promise.all([again.port, third.port].map(untilRefused));
});

test("what_cannot_be_listened_on_is_refused", async (t) => {
  const { client } = slow(t);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  for (const [where, says] of [
    [{ host: "0.0.0.0" }, /^a public URL is required .* say in `publicUrl`/],
    [{ publicUrl: "http://hooks.example.com" }, /^the public URL must be https.* give in `publicUrl`/],
    [{ publicUrl: "ftp://hooks.example.com" }, /^the public URL must begin with `https:/],
    [{ port: taken.address().port }, new RegExp(`${taken.address().port}`)],
    [{ host: "192.0.2.1", publicUrl: "https://hooks.example.com" }, /192\.0\.2\.1/],
    [{ port: 65_536 }, /^`port` must be a port from 0 to 65535 $/],
    [{ port: "80", host: 7 }, /^2 options cannot work: `port` must be .*; `host` must be text $/],
    [{ publicURL: "x" }, /`publicURL` is not an option of this call; it takes `host`, `port`, `publicUrl`/],
    ["127.0.0.1", /the options of a call must be a plain object/],
  ]) {
    const error = await rejection(client.listenCallbacks(where));
    assert.ok(error instanceof ConfigError, JSON.stringify(where));
    assert.match([error.message, error.hint].join(" "), says);
  }
  for (const url of [undefined, null, 7, "hooks", new URL("https://hooks.example.com")])
    assert.match(thrown(() => client.expectCallbacks(url)).message, /^(`publicUrl`|the public URL) must be/);
  const synchronous = new Sandbox({ profile: "genesys-data-action" });
  const other = new Client(synchronous.options);
  const refused = [
    await rejection(other.listenCallbacks()),
    thrown(() => other.expectCallbacks("https://hooks.example.com")),
  ];
  for (const error of refused) assert.match(`${error.message} ${error.hint}`, /takes no callback URL.* poll/);
  await other.close();
  synchronous.close();
});

test("notify_takes_headers_and_body_as_any_server_has_them", async (t) => {
  const it = slow(t);
  const { client, sandbox } = it;
  client.expectCallbacks("https://hooks.example.com/cxone");
  const { url, waiting } = await waitedFor(it);
  assert.ok(url.href.startsWith("https://hooks.example.com/cxone/"));
  const text = '{"status": "COMPLETED", "name": "Zoë"}';
  let number = 0;
  const headers = () => {
    number += 1;
    return signed(text, { name: `msg_${number}` });
  };
  const bytes = Buffer.from(text);
  for (const [form, body] of [
    [headers(), text],
    [headers(), bytes],
    [headers(), new Uint8Array(bytes)],
    [headers(), new Uint8Array(bytes).buffer],
    [headers(), runInNewContext("Uint8Array.from(bytes)", { bytes: [...bytes] })],
    [headers(), new DataView(new Uint8Array(bytes).buffer)],
    [Object.assign(Object.create(null), headers()), bytes],
    [new Headers(headers()), bytes],
    [new Map(Object.entries(headers())), bytes],
    [Object.entries(headers()), bytes],
    [{ ...headers(), "set-cookie": ["a", "b"], accept: undefined }, bytes],
    [Object.fromEntries(Object.entries(headers()).map(([k, v]) => [k.toUpperCase(), [v]])), bytes],
  ])
    assert.equal(client.notify(url.pathname, form, body), true, `${number}`);
  assert.equal(client.notify(`/${url.pathname.split("/").at(-1)}?a=b`, headers(), bytes), true);
  // What was taken makes it look.
  while (polls(sandbox) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await client.close({ timeoutMs: 1 });
  assert.ok((await waiting) instanceof ClosedError);
});

test("what_is_no_request_is_refused_by_name", (t) => {
  const { client } = slow(t);
  const says = (...request) => thrown(() => client.notify(...request)).message;
  assert.equal(
    says(),
    "3 options cannot work: `path` must be text, got undefined; `headers` must be the headers of a request as a server " +
      "has them, got undefined; `rawBody` must be the bytes of the request as they came, got undefined",
  );
  assert.match(says("/a", {}, { status: "COMPLETED" }), /^`rawBody` must be the bytes .* got Object$/);
  for (const headers of [null, 7, "a: b", { a: 1 }, ["a", "b"], [["a"]], new Map([["a", 1]])])
    assert.match(says("/a", headers, ""), /^`headers` must be/);
  assert.equal(client.notify("", {}, ""), false);
  assert.equal(client.notify("/a", { a: "\u20ac" }, Buffer.from([0xff])), false);
});

const BODY = '{"invocationId": "1", "status": "COMPLETED"}';
/** What must not be taken, and what must. Made when it is sent: what is too new is so by a minute. */
function letters() {
  const good = signed(BODY);
  const bad = {
    unsigned: [{}, BODY],
    signed_by_somebody_else: [signed(BODY, { secret: FOREIGN }), BODY],
    another_body: [good, BODY.replace("1", "2")],
    the_same_json_in_other_bytes: [good, JSON.stringify(JSON.parse(BODY))],
    too_old: [signed(BODY, { minutes: -6 }), BODY],
    too_new: [signed(BODY, { minutes: 6 }), BODY],
    another_id: [{ ...good, "webhook-id": "msg_2" }, BODY],
    another_version: [{ ...good, "webhook-signature": good["webhook-signature"].replace("v1", "v2") }, BODY],
  };
  return { good, bad };
}

for (const how of ["notify", "the_listener"]) {
  test(`what_the_official_package_refuses_is_refused_by_${how}_and_what_it_signs_is_taken`, async (t) => {
    const it = slow(t, { callbackSecret: [secretOf("the one that was there before it"), SECRET] });
    const { client, sandbox } = it;
    if (how === "notify") client.expectCallbacks("http://127.0.0.1:1");
    else await client.listenCallbacks();
    const { url } = await waitedFor(it);
    const sent = async (where, headers, body) => {
      if (how === "notify") return client.notify(where.pathname, headers, body);
      const { status } = await fetch(where, { method: "POST", headers, body });
      assert.ok([204, 401, 404].includes(status), `${status}`);
      return status === 204;
    };
    const { good, bad } = letters();
    for (const [name, [headers, body]] of Object.entries(bad)) {
      assert.throws(() => new Webhook(SECRET).verify(body, headers), WebhookVerificationError);
      assert.equal(await sent(url, headers, body), false, name);
    }
    assert.equal(client.metrics().callbacks.forged, Object.keys(bad).length);
    assert.equal(polls(sandbox), 0, "nothing of it made it look");
    const guessed = new URL(`/${"A".repeat(43)}`, url);
    assert.equal(await sent(guessed, good, BODY), false);
    assert.equal(await sent(url, good, BODY), true);
    assert.equal(await sent(url, good, BODY), true, "sent again, it is heard and wakes nobody");
    const { woke, duplicate } = client.metrics().callbacks;
    assert.deepEqual([woke, duplicate], [1, 1]);
  });
}

test("what_the_sandbox_sends_is_signed_as_the_official_package_verifies_and_sent_again", async (t) => {
  const received = [];
  const server = createServer(async (request, response) => {
    received.push([request.headers, await buffer(request)]);
    response.writeHead(received.length === 1 ? 503 : 204).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const where = `127.0.0.1:${server.address().port}`;
  const { client } = slow(t, { callbackHosts: [where], pollIntervalMs: 20 }, { completeAfterMs: 20 });
  const { invocationId } = await client.run({ ...REQUEST, callbackUrl: `http://${where}/done` });
  while (received.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const [headers, body] of received) {
    const told = new Webhook(SECRET).verify(body, headers);
    assert.deepEqual([told.invocationId, told.status], [invocationId, "COMPLETED"]);
    assert.throws(() => new Webhook(FOREIGN).verify(body, headers), WebhookVerificationError);
  }
});

test("a_listener_open_or_closed_keeps_no_process_and_no_worker_alive", async (t) => {
  const { sandbox } = slow(t);
  const program = `
    const { Client } = require(${JSON.stringify(ENTRY)});
    (async () => {
      const client = new Client(${JSON.stringify(sandbox.options)});
      const open = await client.listenCallbacks();
      const closed = await client.listenCallbacks();
      closed.close();
      const port = open.port;
      require("node:worker_threads").parentPort?.postMessage(port);
      console.log(process.getActiveResourcesInfo().filter((name) => /Timeout|threadsafe/i.test(name)).length);
    })();`;
  const { code, stdout, stderr } = await node(["-e", program]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, /^\d\n$/);
  const worker = new Worker(program, { eval: true, stdout: true });
  const [port] = await once(worker, "message");
  const [status] = await once(worker, "exit");
  assert.equal(status, 0);
  // Its client is gone with it, once it was collected.
  await untilRefused(port);
});

const PAGE = "docs/callbacks.md";
for (const block of blocks(PAGE, "js")) {
  test(`the_program_of_the_page_shows_what_it_prints: ${block.code.match(/import \{ (\w+)/)[1]}`, async (t) => {
    const sandbox = new Sandbox();
    t.after(() => sandbox.close());
    const { code, stdout, stderr } = await ran(t, block, sandbox);
    assert.deepEqual([code, stderr], [0, ""], block.code);
    assert.ok(block.output !== undefined && shows(block, stdout), stdout);
  });
}

test("every_program_of_the_page_is_run", () => {
  const languages = blocks(PAGE).map(({ language }) => language);
  assert.deepEqual([...new Set(languages)].sort(), ["js", "python", "toml"]);
  assert.ok(!readFileSync(join(ROOT, PAGE), "utf8").includes("not run"));
});
