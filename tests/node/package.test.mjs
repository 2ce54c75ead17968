// The package as it is published: packed, installed into an empty project, and put to work there.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { Sandbox } from "cxone-actions";
import { here } from "../../bindings-node/scripts/platforms.mjs";
import { published } from "./published.mjs";
import { ACTION, accessTo, command, folder, INPUTS, node, ROOT } from "./support.mjs";

let registry;
before(async () => {
  registry = await published();
});
after(() => registry.close());

/** The paths in a tarball. */
async function contents(tarball) {
  const { code, stdout } = await command("tar", ["-tzf", join(registry.tarballs, tarball)]);
  assert.equal(code, 0);
  return stdout.trim().split("\n");
}

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

test("the_published_package_installs_into_an_empty_project_and_runs_an_action", async (t) => {
  const project = folder(t);
  const install = await registry.install(project);
  assert.deepEqual([install.code, install.stderr], [0, ""]);
  assert.deepEqual(
    readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")),
    ["@cxone-actions", "cxone-actions"],
  );

  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const work = `
    const client = new Client(${JSON.stringify(accessTo(sandbox))});
    client.run(${JSON.stringify({ actionId: ACTION, inputs: INPUTS })}).then(({ status }) => console.log(status));`;
  writeFileSync(join(project, "work.mjs"), `import { Client } from "cxone-actions";${work}`);
  writeFileSync(join(project, "work.cjs"), `const { Client } = require("cxone-actions");${work}`);
  for (const file of ["work.mjs", "work.cjs"]) {
    const { code, stdout, stderr } = await node([file], { cwd: project });
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "COMPLETED\n", stderr: "" });
  }
  const bin = join(project, "node_modules", ".bin", "cxone-actions");
  assert.equal((await command(bin, ["--version"], { cwd: project })).code, 0);
});

test("the_package_carries_what_it_needs_and_nothing_else", async () => {
  const expected = [
    /^bindings-node\/dist\/[\w-]+\.(js|d\.ts)$/,
    /^bindings-node\/(scripts\/[\w-]+\.mjs|build\.rs)$/,
    // What it takes to build it where no package fits.
    /^(core|sandbox|cli|bridge|bindings-node)\/(Cargo\.toml|src\/[\w/-]+\.(rs|toml|css|js|html|svg)|README\.md)$/,
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|Cargo\.toml|Cargo\.lock)$/,
  ];
  const paths = (await contents(`cxone-actions-${version}.tgz`)).map((path) =>
    path.replace(/^package\//, ""),
  );
  for (const path of paths)
    assert.ok(
      expected.some((pattern) => pattern.test(path)),
      path,
    );
  const sources = ["core", "sandbox", "cli", "bridge", "bindings-node"].flatMap((crate) =>
    readdirSync(join(ROOT, crate, "src"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  );
  const typed = readdirSync(join(ROOT, "bindings-node", "ts"));
  const needed = [
    ...typed.flatMap((name) =>
      [".js", ".d.ts"].map((end) => `bindings-node/dist/${name.replace(/\.ts$/, end)}`),
    ),
    ...sources,
    "bindings-node/scripts/build-native.mjs",
    "Cargo.lock",
    "LICENSE",
    "README.md",
  ];
  for (const path of needed) assert.ok(paths.includes(path), path);
});

test("the_package_of_a_platform_is_the_module_its_licence_and_what_is_inside", async () => {
  const paths = await contents(`cxone-actions-${here()}-${version}.tgz`);
  assert.deepEqual(
    paths.sort(),
    ["LICENSE", "README.md", `cxone-actions.${here()}.node`, "package.json", "sbom.cdx.json"]
      .map((name) => `package/${name}`)
      .sort(),
  );
});
