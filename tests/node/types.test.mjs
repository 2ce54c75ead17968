// The types of the package as it is published: what users write compiles under each module system, with the oldest
// compiler that is promised and with the newest, strictly and with no help of ours.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { publint } from "publint";
import { pack } from "../../scripts/npm_packages.mjs";
import { blocks } from "./pages.mjs";
import { command, folder, node, ROOT } from "./support.mjs";

const TYPES = join(ROOT, "tests", "node", "types");
const NEWEST = join(ROOT, "node_modules", "typescript", "bin", "tsc");
const OLDEST = join(ROOT, "tests", "node", "runners", "node_modules", "typescript", "bin", "tsc");
const EXACT = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
const WAYS = [
  ["nodenext_by_import_and_by_require", NEWEST, { module: "nodenext" }, ["mts", "cts"]],
  ["node16", NEWEST, { module: "node16" }, ["mts"]],
  ["bundler", NEWEST, { module: "esnext", moduleResolution: "bundler" }, ["ts"]],
  ["nodenext_exactly", NEWEST, { module: "nodenext", ...EXACT }, ["mts"]],
  ["nodenext_with_the_oldest_compiler", OLDEST, { module: "nodenext" }, ["mts", "cts"]],
  ["bundler_with_the_oldest_compiler", OLDEST, { module: "esnext", moduleResolution: "bundler" }, ["ts"]],
];

/** What is published, as a tarball and as a folder. Types need no native module. */
let packed;
before(async () => {
  const place = mkdtempSync(join(tmpdir(), "cxone-actions-types-"));
  const tarballs = join(place, "tarballs");
  pack(tarballs, join(place, "nothing"));
  const [tarball, ...others] = readdirSync(tarballs).map((name) => join(tarballs, name));
  assert.deepEqual(others, []);
  const { code, stderr } = await command("tar", ["-xzf", tarball, "-C", place]);
  assert.deepEqual([code, stderr], [0, ""]);
  packed = { place, tarball, folder: join(place, "package") };
});
after(() => rmSync(packed.place, { recursive: true, force: true }));

/** An empty project of a user's that has this package, and those. */
function project(t, ...others) {
  const path = folder(t);
  mkdirSync(join(path, "node_modules", "@types"), { recursive: true });
  symlinkSync(packed.folder, join(path, "node_modules", "cxone-actions"));
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

for (const [name, compiler, options, extensions] of WAYS) {
  test(`what_users_write_compiles_under_${name}`, async (t) => {
    const path = project(t, "@types/node");
    const files = readdirSync(TYPES).flatMap((file) =>
      extensions.map((extension) => {
        const copy = file.replace(/ts$/, extension);
        cpSync(join(TYPES, file), join(path, copy));
        return copy;
      }),
    );
    assert.ok(files.length >= 3);
    assert.deepEqual(await compiled(path, files, { ...USER, ...options }, compiler), WELL);
  });
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
  const attw = join(ROOT, "node_modules", ".bin", "attw");
  const { code, stdout, stderr } = await command(attw, ["--format", "json", packed.tarball]);
  const { analysis, problems } = JSON.parse(stdout);
  assert.deepEqual([code, stderr, problems, analysis.problems], [0, "", {}, []]);
  const { resolutions } = analysis.entrypoints["."];
  assert.deepEqual(Object.keys(resolutions).sort(), ["bundler", "node10", "node16-cjs", "node16-esm"]);
});

test("publint_finds_nothing_in_the_packed_package", async () => {
  const { messages } = await publint({ pkgDir: packed.folder, pack: false, strict: true });
  assert.deepEqual(messages, []);
});
