// `tests/vectors/requests.json` from Node: the exact bytes that are sent, or every violation.
//
// The file makes the promises. Here is only how its values are said in JavaScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Sandbox } from "cxone-actions";
import { accessTo, rejection, vectors } from "./support.mjs";

const LONE_SURROGATE = "a\ud800b";
class Opaque {}

const VALUES = {
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  "-Infinity": () => Number.NEGATIVE_INFINITY,
  float: Number,
  unsafe: Number,
  bigint: BigInt,
  lone_surrogate: () => LONE_SURROGATE,
  symbol_key: () => Symbol("key"),
  cycle: () => {
    const list = [];
    list.push(list);
    return list;
  },
  type: (name) =>
    ({
      Date: new Date(0),
      Map: new Map([["CANARY", 1]]),
      Set: new Set(["CANARY"]),
      Uint8Array: new Uint8Array([1]),
      function: () => "CANARY",
      symbol: Symbol("CANARY"),
      Opaque: new Opaque(),
    })[name],
};

/** What stands for a value that JSON cannot say becomes that value. */
function said(value) {
  if (Array.isArray(value)) return value.map(said);
  if (typeof value !== "object" || value === null) return value;
  if (value.$repeat) return value.$repeat[0].repeat(value.$repeat[1]);
  if (value.$value) {
    const [sort, ...rest] = value.$value.split(":");
    assert.ok(VALUES[sort], `no value is known as ${value.$value}`);
    return VALUES[sort](rest.join(":"));
  }
  const entries = value.$entries ?? Object.entries(value);
  return Object.fromEntries(entries.map(([key, member]) => [said(key), said(member)]));
}

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
      assert.deepEqual(error.violations, expect.violations, name);
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
