// What is inside of the native module, as its package lists it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { here, MANIFEST } from "../../bindings-node/scripts/platforms.mjs";
import { published } from "./published.mjs";
import { ROOT } from "./support.mjs";

let packages;
before(async () => {
  packages = await published();
});
after(() => packages.close());

const run = (program, ...words) => execFileSync(program, words, { cwd: ROOT, encoding: "utf8" });

function listed() {
  const tarball = join(packages.tarballs, `cxone-actions-${here()}-${MANIFEST.version}.tgz`);
  return JSON.parse(run("tar", "-xzOf", tarball, "package/sbom.cdx.json"));
}

test("the_package_of_a_platform_lists_every_crate_that_is_in_it", () => {
  const { metadata, components, dependencies } = listed();
  // Asked of cargo in another way than the list was made.
  const tree = run(
    "cargo",
    ...["tree", "--locked", "--package", "cxone-actions-node", "--edges", "normal", "--prefix", "none"],
  );
  const linked = [...tree.matchAll(/^(\S+) v(\S+)/gm)].map(([, name, version]) => `${name} ${version}`);
  const required = components.filter(({ scope }) => scope === "required");
  const there = new Set([metadata.component, ...required].map(({ name, version }) => `${name} ${version}`));
  assert.ok(new Set(linked).size > 150, `${linked.length} lines`);
  assert.deepEqual(
    linked.filter((crate) => !there.has(crate)),
    [],
  );
  for (const name of ["ring", "rustls", "cxone-actions"]) {
    assert.ok(
      required.some((component) => component.name === name),
      name,
    );
  }
  assert.ok(!components.some(({ name }) => name === "proptest"), "what only tests use is not in it");
  const refs = new Set([metadata.component, ...components].map((component) => component["bom-ref"]));
  assert.equal(refs.size, components.length + 1);
  for (const { ref, dependsOn } of dependencies) {
    assert.ok([ref, ...dependsOn].every((name) => refs.has(name)));
  }
});

test("a_list_has_the_digest_and_the_licence_of_each_crate_and_is_the_same_each_time", () => {
  const list = listed();
  assert.deepEqual([list.bomFormat, list.specVersion], ["CycloneDX", "1.5"]);
  const lock = readFileSync(join(ROOT, "Cargo.lock"), "utf8");
  for (const { name, version, hashes, licenses, purl } of list.components) {
    const entry = lock
      .split("\n\n")
      .find((part) => part.includes(`name = "${name}"\nversion = "${version}"\n`));
    const [, digest] = /^checksum = "(.*)"$/m.exec(entry) ?? [];
    assert.equal(hashes?.[0].content, digest, name);
    assert.ok(digest || name.startsWith("cxone-actions"), name);
    assert.match(licenses[0].expression, /^[\w.()+ -]+$/, name);
    assert.equal(decodeURIComponent(purl), `pkg:cargo/${name}@${version}`);
  }
  assert.deepEqual(JSON.parse(run("node", "scripts/sbom.mjs", "cxone-actions-node")), list);
});
