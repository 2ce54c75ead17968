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

for (const [name, options, file] of WAYS) {
  test(`the_types_compile_under_${name}`, async (t) => {
    const project = folder(t);
    mkdirSync(join(project, "node_modules", "@types"), { recursive: true });
    symlinkSync(ROOT, join(project, "node_modules", "cxone-actions"));
    symlinkSync(
      join(ROOT, "node_modules", "@types", "node"),
      join(project, "node_modules", "@types", "node"),
    );
    cpSync(join(ROOT, "tests", "node", "types", "usage.ts"), join(project, file));
    writeFileSync(join(project, "package.json"), '{"type": "module"}');
    // `skipLibCheck` stays off: the declarations themselves are checked too.
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: "es2022",
      lib: ["es2023", "esnext.disposable"],
      types: ["node"],
      ...options,
    };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
    const { code, stdout, stderr } = await node([TSC, "-p", project], { cwd: project });
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  });
}

test("the_declarations_need_nobody_elses_types_but_those_of_the_language", async (t) => {
  const project = folder(t);
  mkdirSync(join(project, "node_modules"));
  symlinkSync(ROOT, join(project, "node_modules", "cxone-actions"));
  writeFileSync(join(project, "package.json"), '{"type": "module"}');
  writeFileSync(
    join(project, "usage.ts"),
    'import { Client } from "cxone-actions";\nexport const make = (): Client => new Client();\n',
  );
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022"],
    types: [],
    module: "nodenext",
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["usage.ts"] }));
  const { code, stdout } = await node([TSC, "-p", project], { cwd: project });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "" });
});
