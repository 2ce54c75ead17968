// Tokens of an OAuth server that none of us wrote: it judges our requests, and an action runs only with its tokens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client, Sandbox } from "cxone-actions";
import { AT_ONCE, accessTo, events, folder, ROOT, rejection } from "./support.mjs";

const SERVER = join(ROOT, "tests", "node", "oauth-server.mjs");
const GATEWAY = readFileSync(join(ROOT, "core", "src", "profile", "gateway.toml"), "utf8");
const REQUEST = { actionId: AT_ONCE, inputs: {} };

let sandbox, server, where;

before(async () => {
  sandbox = new Sandbox();
  server = spawn(process.execPath, [SERVER, JSON.stringify(accessTo(sandbox))], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const [line] = await once(server.stdout.setEncoding("utf8"), "data");
  where = JSON.parse(line);
});

after(async () => {
  server.stdin.end();
  await once(server, "exit");
  sandbox.close();
});

/** The gateway's profile with a token service somewhere else. */
function profile(t, token) {
  const path = join(folder(t), "elsewhere.toml");
  const text = GATEWAY.replace(/\[token\][\s\S]*?(?=\n\[)/, `[token]\n${token}\n`);
  writeFileSync(path, text);
  return path;
}

const SCOPE = 'scope = "integration:actions:write integration:actions:read"';

/** A client of the door that the server keeps. */
function open(t, token, { id, secret }, options = {}) {
  const client = new Client({
    baseUrl: where.api,
    profile: profile(t, token),
    clientId: id,
    clientSecret: secret,
    pollIntervalMs: 10,
    ...options,
  });
  t.after(() => client.close({ timeoutMs: 1 }));
  return client;
}

const at = (auth) =>
  `url = "${where.issuer}/token"\ngrant = "client_credentials"\nclient_auth = "${auth}"\n${SCOPE}`;
const found = (grant) =>
  `discover = "${where.issuer}/.well-known/openid-configuration"\ngrant = "${grant}"\nclient_auth = "basic"\n${SCOPE}`;

for (const auth of ["post", "basic"]) {
  test(`a_real_server_issues_a_token_for_${auth}_and_the_action_runs_with_it`, async (t) => {
    const client = open(t, at(auth), where.clients[auth]);
    const correlationId = `real-${auth}`;
    assert.ok((await client.run({ ...REQUEST, correlationId })).ok);
    assert.equal(sandbox.executions(correlationId), 1);
    const results = await Promise.all(Array.from({ length: 20 }, () => client.run(REQUEST)));
    assert.ok(results.every(({ ok }) => ok));
    assert.equal(client.metrics().tokenRefreshes, 1);
  });

  test(`a_real_server_refuses_a_client_that_authenticates_otherwise_than_by_${auth}`, async (t) => {
    const other = auth === "post" ? "basic" : "post";
    const client = open(t, at(other), where.clients[auth]);
    const error = await rejection(client.run(REQUEST));
    assert.deepEqual([error.kind, error.gatewayCode, error.executed], ["auth", "invalid_client", "no"]);
    assert.match(error.hint, /clientAuth/);
  });
}

test("a_real_server_refuses_a_wrong_secret_and_a_scope_that_is_not_the_clients_by_name", async (t) => {
  const { id, secret } = where.clients.reader;
  const wrong = await rejection(open(t, at("basic"), { id, secret: `${secret}x` }).run(REQUEST));
  assert.deepEqual([wrong.kind, wrong.gatewayCode, wrong.executed], ["auth", "invalid_client", "no"]);
  const scope = await rejection(open(t, at("basic"), { id, secret }).run(REQUEST));
  assert.deepEqual([scope.kind, scope.gatewayCode, scope.executed], ["auth", "invalid_scope", "no"]);
  for (const error of [wrong, scope]) assert.ok(!JSON.stringify(error).includes("s3cr3t"), error.message);
});

test("a_token_that_really_runs_out_is_renewed_before_it_does", async (t) => {
  const client = open(t, at("basic"), where.clients.short);
  const until = performance.now() + 6000;
  while (performance.now() < until) {
    assert.equal((await client.run(REQUEST)).attempts, 1, "no 401");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const { tokenRefreshes } = client.metrics();
  assert.equal(tokenRefreshes, 2);
});

test("the_token_endpoint_of_a_real_openid_configuration_is_found", async (t) => {
  const client = open(t, found("client_credentials"), where.clients.basic);
  assert.ok((await client.run(REQUEST)).ok);
  assert.deepEqual(events(client).slice(0, 4), ["config", "started", "token_refreshed", "sending"]);
});

test("an_access_key_is_exchanged_as_the_user_of_a_real_password_grant", async (t) => {
  const { id: accessKeyId, secret: accessKeySecret } = where.accessKey;
  const client = open(t, found("password"), where.clients.key, { accessKeyId, accessKeySecret });
  assert.ok((await client.run(REQUEST)).ok);
  const wrong = { accessKeyId, accessKeySecret: `${accessKeySecret}=` };
  const error = await rejection(open(t, found("password"), where.clients.key, wrong).run(REQUEST));
  assert.deepEqual([error.kind, error.gatewayCode, error.executed], ["auth", "invalid_grant", "no"]);
  assert.match(error.hint, /accessKeySecret/);
  assert.ok(!JSON.stringify(error).includes("S3CR3T"));
});
