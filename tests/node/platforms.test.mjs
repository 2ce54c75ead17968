// A package for each platform: npm picks the one that fits, and where none does, the error says what to do.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileFor, here, PLATFORMS } from "../../bindings-node/scripts/platforms.mjs";
import { published } from "./published.mjs";
import { folder, node } from "./support.mjs";

let registry;
before(async () => {
  registry = await published();
});
after(() => registry.close());

/** An empty project with the package in it. */
async function project(t, ...options) {
  const path = folder(t);
  const { code, stderr } = await registry.install(path, ...options);
  assert.deepEqual([code, stderr], [0, ""]);
  return path;
}

/** What `require("cxone-actions")` fails with there. */
async function refusal(path, ...options) {
  const { code, stdout, stderr } = await node(
    [...options, "-e", 'try { require("cxone-actions") } catch (error) { console.log(error.message) }'],
    { cwd: path },
  );
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

const modules = (path) => {
  const scope = join(path, "node_modules", "@cxone-actions");
  return existsSync(scope) ? readdirSync(scope) : [];
};

test("a_build_is_called_after_the_platform_that_it_is_for_however_that_is_said", () => {
  const mac = "cxone-actions.darwin-arm64.node";
  for (const [args, file] of [
    [[], `cxone-actions.${here()}.node`],
    [["--target-dir", "x"], `cxone-actions.${here()}.node`],
    [["--profile", "dist", "--target", "aarch64-apple-darwin"], mac],
    [["--target=aarch64-apple-darwin", "--profile=dist"], mac],
    [["--zig", "--target", "x86_64-unknown-linux-gnu.2.17"], "cxone-actions.linux-x64-gnu.node"],
  ]) {
    assert.equal(fileFor(args), file);
  }
  assert.throws(() => fileFor(["--target"]), /no platform name/);
});

test("npm_installs_the_one_build_that_fits_the_machine", async (t) => {
  assert.deepEqual(
    [...registry.packages].sort(),
    ["cxone-actions", ...PLATFORMS.map((p) => p.package)].sort(),
  );
  for (const { name, os, cpu, libc, file } of PLATFORMS) {
    const asked = [`--os=${os}`, `--cpu=${cpu}`, ...(libc ? [`--libc=${libc}`] : [])];
    const path = await project(t, ...asked);
    assert.deepEqual(modules(path), [name]);
    assert.ok(existsSync(join(path, "node_modules", "@cxone-actions", name, file)));
  }
  assert.deepEqual(modules(await project(t)), [here()]);
});

test("a_platform_without_a_build_is_told_how_to_build", async (t) => {
  const path = await project(t, "--os=sunos", "--cpu=x64");
  assert.deepEqual(modules(path), []);
  const elsewhere = join(path, "elsewhere.cjs");
  writeFileSync(elsewhere, 'Object.defineProperty(process, "platform", { value: "sunos" });');
  const message = await refusal(path, "-r", elsewhere);
  assert.ok(
    message.startsWith(`cxone-actions has no build for \`sunos-${process.arch}\`, only for `),
    message,
  );
  for (const { name } of PLATFORMS) assert.ok(message.includes(`\`${name}\``), name);
  assert.match(message, /: `npm explore cxone-actions -- npm run build:native` builds it from source/);
});

test("a_missing_optional_package_names_the_flag", async (t) => {
  const path = await project(t, "--omit=optional");
  assert.equal(
    await refusal(path),
    `\`@cxone-actions/${here()}\`, the part of cxone-actions that was built for this machine, is not installed: run ` +
      "`npm install --include=optional`; where that changes nothing, the lock file was made on another system: remove " +
      "`node_modules` and `package-lock.json` first\n",
  );
});

test("a_module_that_does_not_load_says_why", async (t) => {
  const path = await project(t);
  assert.match(
    await refusal(path, "--no-addons"),
    /\(.*addons is disabled.*\): start Node without `--no-addons`, or with `--allow-addons`\n$/,
  );
  const { file } = PLATFORMS.find(({ name }) => name === here());
  writeFileSync(join(path, "node_modules", "@cxone-actions", here(), file), "not a library");
  const message = await refusal(path);
  assert.ok(
    message.startsWith(`the native module for \`${here()}\` does not load on this machine (`),
    message,
  );
  assert.match(message, /\(.*cxone-actions\..*\.node.*\): `npm explore/);
});

test("a_module_of_another_version_is_not_loaded", async (t) => {
  const path = await project(t);
  const manifest = join(path, "node_modules", "@cxone-actions", here(), "package.json");
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  writeFileSync(
    manifest,
    readFileSync(manifest, "utf8").replace(`"version": "${version}"`, '"version": "0.0.1"'),
  );
  assert.equal(
    await refusal(path),
    `\`@cxone-actions/${here()}\` is version 0.0.1, and cxone-actions ${version}: ` +
      `run \`npm install cxone-actions@${version}\`\n`,
  );
});
