// `tests/vectors/policies.json` from Node: what a policy allows and refuses, and what is no policy.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { Client, Sandbox } from "cxone-actions";
import { accessTo, folder, rejection, thrown } from "./support.mjs";
import { said, vectors, violationInNode } from "./vectors.mjs";

const { cases } = vectors("policies.json");

/** The policy as the option takes it: the structure itself, or a file in a folder. */
function policyOf({ policy, policy_toml, policy_json }, directory) {
  if (policy !== undefined) return policy;
  const path = join(directory, policy_toml === undefined ? "policy.json" : "policy.toml");
  writeFileSync(path, policy_toml ?? policy_json);
  return path;
}

/** Messages end with the file and the line. The file lies elsewhere here, and JSON text has none in the vectors. */
function elsewhere(violations, directory, { policy_json }) {
  return violations.map(({ path, code, message }) => {
    const here = message.replace(`${directory}/`, "");
    return { path, code, message: policy_json === undefined ? here : here.replace(/ \([^()]*\)$/, "") };
  });
}

/** The verdict is the one of the vectors, and says of itself what it is. */
function agrees(verdict, judged, name) {
  const { allowed, kind = null, action_name = null, violations = [], opens_at, reasons } = judged;
  assert.deepEqual(
    [verdict.allowed, verdict.kind, verdict.actionName, verdict.violations],
    [allowed, kind, action_name, violations.map(violationInNode)],
    name,
  );
  assert.deepEqual(verdict.opensAt, opens_at === undefined ? null : new Date(opens_at), name);
  if (reasons) assert.deepEqual(verdict.reasons, reasons, name);
  assert.match(verdict.policy, /^[0-9a-f]{64}$/);
  assert.ok(!`${inspect(verdict)}${JSON.stringify(verdict)}`.includes("CANARY"), name);
}

test("a_policy_allows_and_refuses_what_the_vectors_promise", async (t) => {
  const directory = folder(t);
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const judging = cases.filter(({ requests }) => requests);
  assert.ok(judging.length > 20, `only ${judging.length} cases`);
  for (const spec of judging) {
    for (const judged of spec.requests) {
      const { request, allowed, action_name, kind, violations, at } = judged;
      const client = new Client({ ...accessTo(sandbox), policy: policyOf(spec, directory) });
      agrees(client.check(said(request), { at }), judged, spec.name);
      if (at !== undefined) {
        await client.close();
        continue;
      }
      sandbox.clear();
      sandbox.inject("invoke", { status: 200, body: { invocationId: "x", status: "COMPLETED" } });
      const call = client.run(said(request));
      if (allowed) {
        await call;
        if (action_name) assert.deepEqual(Object.keys(client.metrics().byAction), [action_name], spec.name);
      } else {
        const error = await rejection(call);
        assert.equal(error.kind, kind, spec.name);
        assert.deepEqual(error.violations, violations.map(violationInNode), spec.name);
        assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes("CANARY"), spec.name);
      }
      const invoked = sandbox.requests.filter(({ point }) => point === "invoke").length;
      assert.equal(invoked, allowed ? 1 : 0, spec.name);
      await client.close();
    }
  }
});

test("every_mistake_of_a_policy_is_named_at_once_and_nothing_is_opened", (t) => {
  const directory = folder(t);
  const access = { baseUrl: "http://127.0.0.1:9", clientId: "id", clientSecret: "secret" };
  const broken = cases.filter(({ errors }) => errors);
  assert.ok(broken.length > 10, `only ${broken.length} cases`);
  for (const spec of broken) {
    const error = thrown(() => new Client({ ...access, policy: policyOf(spec, directory) }));
    assert.equal(error.name, "ConfigError", spec.name);
    assert.deepEqual(
      elsewhere(error.violations, directory, spec),
      elsewhere(spec.errors, directory, spec),
      spec.name,
    );
  }
});
