// The package as it is published: packed, installed into an empty project, and put to work there.
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Sandbox } from "cxone-actions";
import { ACTION, accessTo, command, folder, INPUTS, node, ROOT } from "./support.mjs";

const npm = (args, cwd) =>
  command("npm", [...args, "--silent", "--no-audit", "--no-fund", "--offline"], { cwd });

test("the_packed_package_installs_into_an_empty_project_and_runs_an_action", async (t) => {
  const packed = folder(t);
  // The scripts would build what is built already.
  const pack = await npm(["pack", "--ignore-scripts", "--pack-destination", packed], ROOT);
  assert.equal(pack.code, 0, pack.stderr);
  const [tarball] = readdirSync(packed);
  const project = folder(t);
  writeFileSync(join(project, "package.json"), '{"name": "empty", "private": true}');
  const install = await npm(["install", join(packed, tarball)], project);
  assert.equal(install.code, 0, install.stderr);
  assert.deepEqual(
    readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")),
    ["cxone-actions"],
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
  const { stdout } = await command("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: ROOT });
  const [{ files }] = [JSON.parse(stdout)].flat();
  const paths = files.map(({ path }) => path);
  const expected = [
    /^bindings-node\/dist\/[\w-]+\.(js|d\.ts)$/,
    /^bindings-node\/native\/cxone-actions\.[\w-]+\.node$/,
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  ];
  for (const path of paths)
    assert.ok(
      expected.some((pattern) => pattern.test(path)),
      path,
    );
  for (const [path] of [
    ["bindings-node/dist/index.js"],
    ["bindings-node/dist/index.d.ts"],
    ["bindings-node/dist/bin.js"],
    ["LICENSE"],
    ["README.md"],
  ]) {
    assert.ok(paths.includes(path), path);
  }
  assert.ok(paths.some((path) => path.endsWith(".node")));
  for (const path of paths) assert.ok(existsSync(join(ROOT, path)));
});
