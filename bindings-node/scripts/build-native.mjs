// Builds the native module with plain cargo, in the target folder that everything else uses, and puts it where the
// package looks for it. Arguments go on to cargo: `npm run build:native -- --profile dist --target aarch64-apple-darwin`.
// With `--zig` it is cargo-zigbuild that compiles and links, for another system or for a C library as old as the target
// says: `--zig --target x86_64-unknown-linux-gnu.2.17`.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileFor, PLATFORMS, ROOT } from "./platforms.mjs";

const CRATE = "cxone-actions-node";

/** A library that Node loads cannot carry a C library of its own, as programs for musl do. */
function environment() {
  const flags = "-C target-feature=-crt-static";
  const musl = PLATFORMS.filter(({ libc }) => libc === "musl").map(({ target }) => target);
  const name = (target) => `CARGO_TARGET_${target.toUpperCase().replaceAll("-", "_")}_RUSTFLAGS`;
  return { ...Object.fromEntries(musl.map((target) => [name(target), flags])), ...process.env };
}

/** Runs cargo and returns the library that it says it has made: that holds for every target folder and platform. */
async function build(args) {
  const profile = args.some((word) => /^--profile(=|$)/.test(word)) ? [] : ["--release"];
  const zig = args.includes("--zig");
  const rest = args.filter((argument) => argument !== "--zig");
  const cargo = spawn(
    "cargo",
    [
      zig ? "zigbuild" : "build",
      ...["-p", CRATE, "--message-format=json-render-diagnostics", ...profile, ...rest],
    ],
    { cwd: ROOT, env: environment(), stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise((resolve, reject) => {
    cargo.once("error", (error) => reject(new Error(`cargo cannot be started: ${error.message}`)));
    cargo.once("close", resolve);
  });
  let library;
  for await (const line of createInterface({ input: cargo.stdout })) {
    const message = JSON.parse(line);
    if (message.reason !== "compiler-artifact" || !message.target.kind.includes("cdylib")) continue;
    if (message.target.name.replaceAll("-", "_") !== CRATE.replaceAll("-", "_")) continue;
    library = message.filenames.find((name) => /\.(so|dylib|dll)$/.test(name));
  }
  const code = await ended;
  if (code !== 0) process.exit(code ?? 1);
  if (!library) throw new Error(`cargo did not say where the library of ${CRATE} is`);
  return library;
}

const args = process.argv.slice(2);
const folder = join(ROOT, "bindings-node", "native");
const target = join(folder, fileFor(args));
const library = await build(args);
mkdirSync(folder, { recursive: true });
// Renamed into place: a process that has the old file mapped keeps it, and another build beside this one its own.
const beside = `${target}.${process.pid}.new`;
copyFileSync(library, beside);
renameSync(beside, target);
