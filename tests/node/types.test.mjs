// The types, as users compile them: under each module system, strictly, with no help of ours.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folder, node, ROOT } from "./support.mjs";

const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const WAYS = [
  ["nodenext", { module: "nodenext" }, "usage.mts"],
  ["nodenext_require", { module: "nodenext" }, "usage.cts"],
  ["node16", { module: "node16" }, "usage.mts"],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }, "usage.ts"],
  [
    "node20_exact",
    { module: "node20", exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    "usage.mts",
  ],
];

/** An empty project of a user's that has this package, and those. */
function project(t, ...others) {
  const path = folder(t);
  mkdirSync(join(path, "node_modules", "@types"), { recursive: true });
  symlinkSync(ROOT, join(path, "node_modules", "cxone-actions"));
  for (const other of others) {
    symlinkSync(join(ROOT, "node_modules", other), join(path, "node_modules", other));
  }
  writeFileSync(join(path, "package.json"), '{"type": "module"}');
  return path;
}

/** What the compiler says of a file. `skipLibCheck` stays off: the declarations themselves are checked too. */
async function compiled(project, file, options) {
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", ...options };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
  const { code, stdout, stderr } = await node([TSC, "-p", project], { cwd: project });
  return { code, stdout, stderr };
}

for (const [name, options, file] of WAYS) {
  test(`the_types_compile_under_${name}`, async (t) => {
    const path = project(t, "@types/node");
    cpSync(join(ROOT, "tests", "node", "types", "usage.ts"), join(path, file));
    const types = { lib: ["es2023", "esnext.disposable"], types: ["node"] };
    const said = await compiled(path, file, { ...types, ...options });
    assert.deepEqual(said, { code: 0, stdout: "", stderr: "" });
  });
}

test("the_declarations_need_nobody_elses_types_but_those_of_the_language", async (t) => {
  const path = project(t);
  writeFileSync(
    join(path, "usage.ts"),
    'import { Client } from "cxone-actions";\nexport const make = (): Client => new Client();\n',
  );
  const said = await compiled(path, "usage.ts", { lib: ["es2022"], types: [], module: "nodenext" });
  assert.deepEqual(said, { code: 0, stdout: "", stderr: "" });
});
