// The package says what the core says: the same options, errors, fields and methods, in the words of Node.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import * as library from "cxone-actions";
import { ACTION, AT_ONCE, connected, INPUTS, ROOT } from "./support.mjs";

const DIST = join(ROOT, "bindings-node", "dist");
const surface = JSON.parse(createRequire(import.meta.url)(join(DIST, "native.js")).native.surface());
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const sorted = (names) => [...names].sort();

/** The members of an interface or a class, as the declarations name them. */
function declared(file, name) {
  const text = readFileSync(join(DIST, file), "utf8");
  const [, body] = new RegExp(`(?:interface|class) ${name}\\b[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(text);
  return sorted(Array.from(body.matchAll(/^ {4}readonly (\w+)\??:/gm), ([, member]) => member));
}

test("every_option_of_the_core_is_an_option_of_the_client_and_the_other_way_round", () => {
  assert.deepEqual(
    declared("options.d.ts", "ClientOptions"),
    sorted(surface.options.map(({ node }) => node)),
  );
});

test("every_kind_of_error_is_a_class_with_the_fields_of_the_core", () => {
  const { version, errors, error_fields } = surface;
  assert.equal(library.version, version);
  // Node says times in milliseconds and has their unit in the name.
  const fields = error_fields
    .filter((name) => name !== "message")
    .map((name) => (name === "retry_after" ? "retryAfterMs" : camel(name)));
  assert.deepEqual(declared("errors.d.ts", "ErrorFields"), sorted(fields));
  for (const { class: name, kind, code, executed } of errors) {
    const error = new library[name]("it broke");
    assert.deepEqual([error.kind, error.code, error.executed], [kind, code, executed]);
    assert.deepEqual(sorted(Object.keys(error)), sorted(fields));
  }
});

test("every_method_of_the_core_has_its_name_in_node", (t) => {
  const { client } = connected(t);
  for (const [, , name] of surface.methods) {
    assert.ok(name === "Client" ? library.Client : name in client, name);
  }
  for (const [, , name] of surface.trail_methods) assert.equal(typeof client.audit[name], "function", name);
});

test("what_comes_back_has_exactly_the_fields_of_the_core", async (t) => {
  const { client } = connected(t);
  const invocation = await client.invoke({ actionId: ACTION, inputs: INPUTS });
  const result = await client.poll(invocation);
  const metrics = client.metrics();
  const outcome = await first(client);
  const [action] = Object.values(metrics.byAction);
  const given = {
    Invocation: invocation,
    ActionResult: result,
    Metrics: metrics,
    ActionMetrics: action,
    Distribution: metrics.duration,
    Verification: client.audit.verify(),
    Outcome: outcome,
  };
  for (const [name, fields] of Object.entries(surface.types)) {
    const names = name in given ? sorted(Object.keys(given[name])) : declared("results.d.ts", name);
    assert.deepEqual(names, sorted(fields.map(camel)), name);
  }
});

async function first(client) {
  for await (const outcome of client.runMany([{ actionId: AT_ONCE, inputs: {} }])) return outcome;
}
