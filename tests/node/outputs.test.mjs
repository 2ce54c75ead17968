// `tests/vectors/outputs.json`: a number in the outputs of an action keeps its value.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connected, REQUEST, ROOT } from "./support.mjs";

const { cases } = JSON.parse(readFileSync(join(ROOT, "tests", "vectors", "outputs.json"), "utf8"));

function expected({ integer, double, text }) {
  if (integer === undefined) return double === undefined ? text : Number(double);
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : BigInt(integer);
}

async function outputs(t) {
  const { client, sandbox } = connected(t);
  const members = cases.map(({ name, literal }) => `"${name}":${literal}`);
  const body = `{"status":"COMPLETED","outputs":{${members}}}`;
  sandbox.inject("poll", { status: 200, body });
  return (await client.run(REQUEST)).outputs;
}

test("every_number_is_what_its_case_promises", async (t) => {
  const seen = await outputs(t);
  assert.deepEqual(
    Object.keys(seen),
    cases.map(({ name }) => name),
  );
  // Strict: a number is no `BigInt`, and -0 is not 0.
  for (const each of cases) assert.deepStrictEqual(seen[each.name], expected(each), each.name);
});

test("no_number_is_an_infinity_and_one_alone_is_read_like_one_among_others", async (t) => {
  for (const value of Object.values(await outputs(t))) {
    assert.ok(typeof value !== "number" || Number.isFinite(value));
  }
  const { client, sandbox } = connected(t);
  for (const each of cases) {
    sandbox.inject("poll", { status: 200, body: `{"status":"COMPLETED","outputs":${each.literal}}` });
    assert.deepStrictEqual((await client.run(REQUEST)).outputs, expected(each), each.name);
  }
});
