// What is inside of what we publish, as CycloneDX 1.5: every crate that a binary is linked from, with the digest that
// Cargo.lock has of it, and those that took part in building it (scope `excluded`). For all platforms in one, and without a
// date, a random number or a path, so that the same sources give the same list wherever it is made.
//
//     node scripts/sbom.mjs cxone-actions-cli [FILE]
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../bindings-node/scripts/platforms.mjs";

/** The list of one of our crates. */
export function sbom(crate) {
  const { packages, resolve } = JSON.parse(
    execFileSync("cargo", ["metadata", "--format-version=1", "--locked"], {
      cwd: ROOT,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    }),
  );
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const root = packages.find(({ name, source }) => name === crate && source === null);
  if (!root) throw new Error(`no crate of ours is called \`${crate}\``);
  const linked = reached(nodes, root.id, [null]);
  const all = reached(nodes, root.id, [null, "build"]);
  const checksums = digests();
  const refs = new Map(packages.map(({ id, name, version }) => [id, purl(name, version)]));
  const component = ({ name, version, license, id }) => ({
    type: "library",
    "bom-ref": refs.get(id),
    name,
    version,
    scope: linked.has(id) ? "required" : "excluded",
    ...(checksums.has(`${name} ${version}`) && {
      hashes: [{ alg: "SHA-256", content: checksums.get(`${name} ${version}`) }],
    }),
    // What old crates write for `OR`.
    ...(license && { licenses: [{ expression: license.replaceAll("/", " OR ") }] }),
    purl: refs.get(id),
  });
  const listed = packages.filter(({ id }) => all.has(id) && id !== root.id);
  const { scope: _, ...self } = component(root);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: self },
    components: listed.map(component),
    dependencies: [root, ...listed].map(({ id }) => ({
      ref: refs.get(id),
      dependsOn: edges(nodes.get(id), [null, "build"]).map((on) => refs.get(on)),
    })),
  };
}

function edges(node, kinds) {
  const wanted = node.deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kinds.includes(kind)));
  return [...new Set(wanted.map(({ pkg }) => pkg))];
}

function reached(nodes, from, kinds) {
  const found = new Set([from]);
  for (const id of found) for (const on of edges(nodes.get(id), kinds)) found.add(on);
  return found;
}

function digests() {
  const lock = readFileSync(join(ROOT, "Cargo.lock"), "utf8");
  const entry = /name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([0-9a-f]{64})"/g;
  return new Map([...lock.matchAll(entry)].map(([, name, version, sum]) => [`${name} ${version}`, sum]));
}

const purl = (name, version) => `pkg:cargo/${name}@${encodeURIComponent(version)}`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [crate, file] = process.argv.slice(2);
  if (!crate) throw new Error("say of which crate: node scripts/sbom.mjs CRATE [FILE]");
  const text = `${JSON.stringify(sbom(crate), null, 2)}\n`;
  if (file) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else {
    process.stdout.write(text);
  }
}
