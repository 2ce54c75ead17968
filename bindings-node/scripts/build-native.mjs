// Builds the native module with plain cargo, in the target folder that everything else uses, and puts it where the
// package looks for it. Arguments go on to cargo: `npm run build:native -- --profile dist --target aarch64-apple-darwin`.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CRATE = "cxone-actions-node";
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const PLATFORMS = [
  [/x86_64.*linux-gnu/, "linux-x64-gnu"],
  [/aarch64.*linux-gnu/, "linux-arm64-gnu"],
  [/x86_64.*linux-musl/, "linux-x64-musl"],
  [/aarch64.*linux-musl/, "linux-arm64-musl"],
  [/x86_64-apple-darwin/, "darwin-x64"],
  [/aarch64-apple-darwin/, "darwin-arm64"],
  [/x86_64-pc-windows/, "win32-x64-msvc"],
  [/aarch64-pc-windows/, "win32-arm64-msvc"],
];

/** The name of this machine as the loader in `ts/native.ts` spells it. */
function here() {
  if (process.platform === "linux") {
    const glibc = process.report.getReport().header.glibcVersionRuntime;
    return `linux-${process.arch}-${glibc ? "gnu" : "musl"}`;
  }
  return `${process.platform}-${process.arch}${process.platform === "win32" ? "-msvc" : ""}`;
}

function platformOf(args) {
  const at = args.indexOf("--target");
  if (at < 0) return here();
  const triple = args[at + 1] ?? "";
  const known = PLATFORMS.find(([pattern]) => pattern.test(triple));
  if (!known) throw new Error(`no platform name is known for the target \`${triple}\``);
  return known[1];
}

/** Runs cargo and returns the library that it says it has made: that holds for every target folder and platform. */
async function build(args) {
  const profile = args.includes("--profile") ? [] : ["--release"];
  const cargo = spawn(
    "cargo",
    ["build", "-p", CRATE, "--message-format=json-render-diagnostics", ...profile, ...args],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
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
const folder = join(root, "bindings-node", "native");
const target = join(folder, `cxone-actions.${platformOf(args)}.node`);
const library = await build(args);
mkdirSync(folder, { recursive: true });
// Renamed into place: a process that has the old file mapped keeps it.
copyFileSync(library, `${target}.new`);
renameSync(`${target}.new`, target);
