// Every JavaScript example of the README runs as it stands, and prints what the README says that it prints.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Sandbox } from "cxone-actions";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = await readFile(join(root, "README.md"), "utf8");
// An example, and what the README shows of its output where it shows any.
const BLOCK = /^```js\n(?<code>.*?)^```$(?:\s+^```text\n(?<output>.*?)^```$)?/gms;
const examples = [...readme.matchAll(BLOCK)].map((match) => match.groups);

/** `…` on a line of its own stands for any lines. */
function asPattern(output) {
  const parts = output.split(/^…\n/m).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("(?:.*\\n)*?")}$`);
}

test("the_readme_has_examples", () => {
  assert.ok(examples.length >= 2);
});

for (const [index, { code, output }] of examples.entries()) {
  test(`example_${index + 1}_of_the_readme_prints_what_it_says`, async () => {
    // Inside of the checkout, so that `cxone-actions` is the package of the checkout.
    const folder = await mkdtemp(join(root, "target", "readme-"));
    const sandbox = new Sandbox();
    try {
      const script = join(folder, "example.mjs");
      await writeFile(script, code);
      const gateway = {
        CXONE_BASE_URL: sandbox.baseUrl,
        CXONE_CLIENT_ID: sandbox.clientId,
        CXONE_CLIENT_SECRET: sandbox.clientSecret,
      };
      const run = await promisify(execFile)(process.execPath, [script], {
        cwd: folder,
        env: { ...process.env, ...gateway },
        timeout: 60_000,
      });
      assert.equal(run.stderr, "");
      if (output !== undefined) assert.match(run.stdout, asPattern(output));
    } finally {
      await sandbox.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
}
