// Whom a client trusts: what Node is told to trust besides counts here too.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FaultGateway } from "./fault-gateway.mjs";
import { ACTION, folder, node } from "./support.mjs";

/** What a process of its own comes to, which has these variables, with a run and with the options of its client. */
async function cameTo(gateway, variables, options = {}) {
  const given = { baseUrl: gateway.baseUrl, clientId: gateway.clientId, clientSecret: gateway.clientSecret };
  const program = `
    const { Client } = require("cxone-actions");
    const run = async () => new Client(${JSON.stringify({ ...given, ...options })}).run({ actionId: "${ACTION}" });
    const said = (of) => console.log(JSON.stringify({ ...of, message: of.message, code: of.cause?.code }));
    run().then(said, said);`;
  const env = { SSL_CERT_FILE: undefined, NODE_EXTRA_CA_CERTS: undefined, ...variables };
  const { code, stdout, stderr } = await node(["-e", program], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** A gateway that speaks TLS. It, and every other one, has an authority of its own. */
async function listening(t, gateway = { certificate: "good" }) {
  const started = await FaultGateway.start({ gateway });
  t.after(() => started.close());
  return started;
}

test("what_node_trusts_besides_is_trusted_besides_unless_the_options_say_whom_to_trust", async (t) => {
  const [gateway, other] = [await listening(t), await listening(t)];
  const path = folder(t);
  // As in a bundle of a company: more than one.
  const bundle = join(path, "bundle.pem");
  writeFileSync(bundle, [other, gateway].map(({ caFile }) => readFileSync(caFile, "utf8")).join("\n"));
  const [NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, caFile] = [gateway.caFile, other.caFile, other.caFile];
  for (const [trusted, variables, options] of [
    [false, {}],
    [false, { SSL_CERT_FILE }],
    [true, { NODE_EXTRA_CA_CERTS }],
    [true, { NODE_EXTRA_CA_CERTS: bundle }],
    [true, { NODE_EXTRA_CA_CERTS, SSL_CERT_FILE }],
    [true, { NODE_EXTRA_CA_CERTS: other.caFile, SSL_CERT_FILE: gateway.caFile }],
    [false, { NODE_EXTRA_CA_CERTS }, { caFile }],
  ]) {
    const said = JSON.stringify([variables, options]);
    const { status, kind, executed } = await cameTo(gateway, variables, options);
    if (trusted) assert.equal(status, "COMPLETED", said);
    else assert.deepEqual([kind, executed], ["unavailable", "no"], said);
  }
});

test("a_file_of_nodes_that_cannot_be_used_is_named_before_any_network_and_where_none_is_needed_not_read", async (t) => {
  const [gateway, plain] = [await listening(t), await listening(t, {})];
  const path = folder(t);
  const [missing, empty, broken] = ["missing", "empty", "broken"].map((name) => join(path, `${name}.pem`));
  writeFileSync(empty, "");
  writeFileSync(broken, "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n");
  for (const NODE_EXTRA_CA_CERTS of [missing, empty, broken]) {
    const { kind, message, hint } = await cameTo(gateway, { NODE_EXTRA_CA_CERTS });
    assert.equal(kind, "config", message);
    assert.match(`${message}; ${hint}`, /`NODE_EXTRA_CA_CERTS`/);
    const { caFile } = gateway;
    assert.equal((await cameTo(gateway, { NODE_EXTRA_CA_CERTS }, { caFile })).status, "COMPLETED");
    assert.equal((await cameTo(plain, { NODE_EXTRA_CA_CERTS })).status, "COMPLETED");
    const traces = "https://127.0.0.1:1";
    assert.equal((await cameTo(plain, { NODE_EXTRA_CA_CERTS }, { traces })).kind, "config");
  }
  await gateway.look();
  assert.equal(gateway.requests.filter(({ point }) => point === "invoke").length, 3);
});
