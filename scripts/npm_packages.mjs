// Makes what is published to npm: the package `cxone-actions`, which has the compiled TypeScript and the sources of the
// native module, and one package for each platform, which has the module itself. Usage:
//
//     node scripts/npm_packages.mjs OUT [NATIVE]
//
// OUT is made anew and gets the tarballs. NATIVE (bindings-node/native unless said) is where the modules are; a platform
// without one there gets no package, and is named on stderr. Nothing is compiled.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MANIFEST, PLATFORMS, ROOT } from "../bindings-node/scripts/platforms.mjs";
import { sbom } from "./sbom.mjs";

const COMPILED = join(ROOT, "bindings-node", "dist");
const TYPED = join(ROOT, "bindings-node", "ts");

/** Writes the tarballs to the folder `out`, and returns the platforms that have no native module in `native`. */
export function pack(out, native = join(ROOT, "bindings-node", "native")) {
  const staged = mkdtempSync(join(tmpdir(), "cxone-actions-npm-"));
  try {
    const has = PLATFORMS.filter(({ file }) => existsSync(join(native, file)));
    const inside = sbom("cxone-actions-node");
    stageMain(join(staged, "main"));
    for (const platform of has) stagePlatform(join(staged, platform.name), platform, native, inside);
    const folders = readdirSync(staged);
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    // On Windows npm is a script, which only a shell starts; the names of the folders have no spaces.
    execFileSync("npm", ["pack", "--silent", "--ignore-scripts", ...folders.map((folder) => `./${folder}`)], {
      cwd: staged,
      stdio: ["ignore", "ignore", "inherit"],
      shell: process.platform === "win32",
    });
    for (const name of readdirSync(staged).filter((name) => name.endsWith(".tgz"))) {
      cpSync(join(staged, name), join(out, name));
    }
    return PLATFORMS.filter((platform) => !has.includes(platform));
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

function stageMain(folder) {
  const compiled = readdirSync(TYPED).map((name) => name.replace(/\.ts$/, ".js"));
  for (const name of compiled) {
    if (!existsSync(join(COMPILED, name)))
      throw new Error(`${name} is not compiled: run \`npm run build:ts\``);
  }
  const { devDependencies, private: _, files, scripts, ...manifest } = MANIFEST;
  for (const entry of files) {
    cpSync(join(ROOT, entry), join(folder, entry), { recursive: true, filter: (path) => !isStale(path) });
  }
  writeJson(join(folder, "package.json"), {
    ...manifest,
    scripts: { "build:native": scripts["build:native"] },
    // Written only here: in the checkout, `npm ci` would look for what is not published yet.
    optionalDependencies: Object.fromEntries(
      PLATFORMS.map((platform) => [platform.package, manifest.version]),
    ),
  });
  const workspace = readFileSync(join(ROOT, "Cargo.toml"), "utf8");
  const members = files.filter((path) => path.endsWith("/Cargo.toml")).map((path) => `"${dirname(path)}"`);
  writeFileSync(
    join(folder, "Cargo.toml"),
    workspace.replace(/^members = \[.*\]$/m, `members = [${members.join(", ")}]`),
  );
}

/** Whether it was compiled from a source that is there no longer. */
function isStale(path) {
  const [name] = basename(path).split(".");
  return dirname(path) === COMPILED && !existsSync(join(TYPED, `${name}.ts`));
}

function stagePlatform(folder, platform, native, inside) {
  const { version, license, repository, engines } = MANIFEST;
  mkdirSync(folder);
  writeJson(join(folder, "package.json"), {
    name: platform.package,
    version,
    description: `The native module of cxone-actions for ${platform.name}`,
    license,
    repository,
    engines,
    main: platform.file,
    publishConfig: { access: "public" },
    files: [platform.file, "sbom.cdx.json"],
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc && { libc: [platform.libc] }),
  });
  writeJson(join(folder, "sbom.cdx.json"), inside);
  cpSync(join(native, platform.file), join(folder, platform.file));
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(
    join(folder, "README.md"),
    `# ${platform.package}\n\nThe native module of [cxone-actions](https://www.npmjs.com/package/cxone-actions) for ` +
      `\`${platform.target}\`. Install \`cxone-actions\`, which brings the one for your machine.\n`,
  );
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [out, native] = process.argv.slice(2);
  if (!out) throw new Error("say where to: node scripts/npm_packages.mjs OUT [NATIVE]");
  const missing = pack(out, native);
  for (const name of readdirSync(out)) console.log(join(out, name));
  if (missing.length > 0) console.error(`no native module for ${missing.map(({ name }) => name).join(", ")}`);
}
