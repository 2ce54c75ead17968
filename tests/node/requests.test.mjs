// `tests/vectors/requests.json` from Node: the exact bytes that are sent, or every violation.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Sandbox } from "cxone-actions";
import { accessTo, rejection } from "./support.mjs";
import { said, vectors, violationInNode } from "./vectors.mjs";

test("every_request_gives_the_bytes_or_the_violations_that_the_vectors_promise", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const cases = vectors("requests.json").cases.filter(
    ({ request, languages }) => request !== undefined && (languages ?? ["node"]).includes("node"),
  );
  assert.ok(cases.length > 100, `only ${cases.length} cases`);
  for (const { name, request, callback_hosts, expect } of cases) {
    sandbox.clear();
    const client = new Client({ ...accessTo(sandbox), callbackHosts: callback_hosts });
    const call = client.invoke(said(request));
    if (expect.violations) {
      const error = await rejection(call);
      assert.deepEqual(error.violations, expect.violations.map(violationInNode), name);
      assert.deepEqual([error.kind, error.executed], ["validation", "no"], name);
      assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes("CANARY"), name);
      assert.deepEqual(sandbox.requests, [], `${name}: nothing may be sent, not even for a token`);
    } else {
      // The sandbox knows few of the actions; what counts is what reached it.
      await call.catch((error) => assert.equal(error.kind, "rejected", `${name}: ${error.message}`));
      const [{ body } = {}, ...more] = sandbox.requests.filter(({ point }) => point === "invoke");
      assert.deepEqual(more, [], name);
      if (expect.body !== undefined) assert.equal(body, expect.body, name);
      if (expect.bytes !== undefined) assert.equal(Buffer.byteLength(body), expect.bytes, name);
    }
    await client.close();
  }
});

test("a_callback_url_in_any_spelling_is_taken_or_refused_as_the_vectors_promise", async () => {
  const { cases } = vectors("callback_urls.json");
  assert.ok(cases.length > 20, `only ${cases.length} cases`);
  for (const { name, callback_hosts: callbackHosts = [], codes, urls } of cases) {
    const client = new Client({ baseUrl: "http://127.0.0.1:1", token: "x", callbackHosts });
    for (const callbackUrl of urls) {
      const verdict = client.check({ actionId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890", callbackUrl });
      const said = verdict.violations.map(({ code }) => code);
      assert.deepEqual([verdict.allowed, said], [codes.length === 0, codes], `${name}: ${callbackUrl}`);
    }
    await client.close();
  }
});
