// Every JavaScript example of the README runs as it stands, and prints what the README says that it prints.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Sandbox } from "cxone-actions";
import { blocks, ran, shows } from "./pages.mjs";

const examples = blocks("README.md", "js");

test("the_readme_has_examples", () => {
  assert.ok(examples.length >= 2);
});

for (const [index, example] of examples.entries()) {
  test(`example_${index + 1}_of_the_readme_prints_what_it_says`, async (t) => {
    const sandbox = new Sandbox();
    t.after(() => sandbox.close());
    const { code, stdout, stderr } = await ran(t, example, sandbox);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.ok(shows(example, stdout), stdout);
  });
}
