// The types of the package as it is published: what users write compiles under each module system, with the oldest
// compiler that is promised and with the newest, strictly and with no help of ours.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { publint } from "publint";
import { blocks } from "./pages.mjs";
import { published } from "./published.mjs";
import { command, folder, node, ROOT } from "./support.mjs";

const TYPES = join(ROOT, "tests", "node", "types");
const NEWEST = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const OLDEST = join(ROOT, "tests", "node", "runners", "node_modules", "typescript", "bin", "tsc");
const EXACT = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
const WAYS = [
  ["nodenext", { module: "nodenext" }, "mts"],
  ["nodenext_require", { module: "nodenext" }, "cts"],
  ["node16", { module: "node16" }, "mts"],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }, "ts"],
  ["nodenext_exact", { module: "nodenext", ...EXACT }, "mts"],
];

let registry;
let installed;
before(async () => {
  registry = await published();
  installed = mkdtempSync(join(tmpdir(), "cxone-actions-installed-"));
  const { code, stderr } = await registry.install(installed);
  assert.deepEqual([code, stderr], [0, ""]);
});
after(async () => {
  rmSync(installed, { recursive: true, force: true });
  await registry.close();
});

/** An empty project of a user's that has this package, and those. */
function project(t, ...others) {
  const path = folder(t);
  mkdirSync(join(path, "node_modules", "@types"), { recursive: true });
  symlinkSync(join(installed, "node_modules", "cxone-actions"), join(path, "node_modules", "cxone-actions"));
  for (const other of others) {
    symlinkSync(join(ROOT, "node_modules", other), join(path, "node_modules", other));
  }
  writeFileSync(join(path, "package.json"), '{"type": "module"}');
  return path;
}

/** What the compiler says of files. `skipLibCheck` stays off: the declarations themselves are checked too. */
async function compiled(project, files, options, compiler = NEWEST) {
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", ...options };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const { code, stdout, stderr } = await node([compiler, "-p", project], { cwd: project });
  return { code, stdout, stderr };
}

const USER = { lib: ["es2023", "esnext.disposable"], types: ["node"] };
const WELL = { code: 0, stdout: "", stderr: "" };

for (const [age, compiler] of Object.entries({ newest: NEWEST, oldest: OLDEST })) {
  for (const [name, options, extension] of WAYS) {
    test(`what_users_write_compiles_under_${name}_with_the_${age}_compiler`, async (t) => {
      const path = project(t, "@types/node");
      const files = readdirSync(TYPES).map((file) => {
        const copy = file.replace(/ts$/, extension);
        cpSync(join(TYPES, file), join(path, copy));
        return copy;
      });
      assert.ok(files.length >= 3);
      assert.deepEqual(await compiled(path, files, { ...USER, ...options }, compiler), WELL);
    });
  }
}

test("the_examples_of_the_pages_compile_as_they_stand", async (t) => {
  const path = project(t, "@types/node");
  const files = ["README.md", "docs/node.md"].flatMap((page) =>
    blocks(page, "js").map(({ code }, index) => {
      const file = `${page.replaceAll(/\W/g, "-")}-${index}.mts`;
      writeFileSync(join(path, file), code);
      return file;
    }),
  );
  assert.ok(files.length >= 6);
  assert.deepEqual(await compiled(path, files, { ...USER, module: "nodenext", ...EXACT }), WELL);
});

test("the_declarations_need_nobody_elses_types_but_those_of_the_language", async (t) => {
  const path = project(t);
  writeFileSync(
    join(path, "usage.ts"),
    'import { Client } from "cxone-actions";\nexport const make = (): Client => new Client();\n',
  );
  const said = await compiled(path, ["usage.ts"], { lib: ["es2022"], types: [], module: "nodenext" });
  assert.deepEqual(said, WELL);
});

test("are_the_types_wrong_finds_nothing_in_the_packed_package", async () => {
  const [tarball] = readdirSync(registry.tarballs).filter((name) => /^cxone-actions-\d/.test(name));
  const attw = join(ROOT, "node_modules", ".bin", "attw");
  const { code, stdout, stderr } = await command(attw, [
    "--format",
    "json",
    join(registry.tarballs, tarball),
  ]);
  const { analysis, problems } = JSON.parse(stdout);
  assert.deepEqual([code, stderr, problems, analysis.problems], [0, "", {}, []]);
  const { resolutions } = analysis.entrypoints["."];
  assert.deepEqual(Object.keys(resolutions).sort(), ["bundler", "node10", "node16-cjs", "node16-esm"]);
});

test("publint_finds_nothing_in_the_packed_package", async () => {
  const pkgDir = join(installed, "node_modules", "cxone-actions");
  const { messages } = await publint({ pkgDir, pack: false, strict: true });
  assert.deepEqual(messages, []);
});
