// The platforms that the package is built for, from `napi.targets` of package.json, which is the one list of them: what
// npm is told of each, and how its package and its native module are called.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

const CPUS = { x86_64: "x64", aarch64: "arm64" };
const SYSTEMS = {
  "unknown-linux-gnu": { os: "linux", abi: "gnu", libc: "glibc" },
  "unknown-linux-musl": { os: "linux", abi: "musl", libc: "musl" },
  "apple-darwin": { os: "darwin" },
  "pc-windows-msvc": { os: "win32", abi: "msvc" },
};

/** What npm calls the machines of a Rust target, and what ours are called there. */
export function platformOf(target) {
  const [processor, ...rest] = target.split("-");
  const [cpu, system] = [CPUS[processor], SYSTEMS[rest.join("-")]];
  if (!cpu || !system) throw new Error(`no platform name is known for the target \`${target}\``);
  const name = [system.os, cpu, system.abi].filter(Boolean).join("-");
  const { os, libc } = system;
  return {
    target,
    name,
    os,
    cpu,
    libc,
    package: `@cxone-actions/${name}`,
    file: `cxone-actions.${name}.node`,
  };
}

export const PLATFORMS = MANIFEST.napi.targets.map(platformOf);

/** The name of this machine, as the loader in `ts/platform.ts` spells it. */
export function here() {
  const { platform, arch } = process;
  if (platform === "win32") return `win32-${arch}-msvc`;
  if (platform !== "linux") return `${platform}-${arch}`;
  return `linux-${arch}-${process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl"}`;
}

/** The file that the native module is to be called which cargo builds with these arguments. */
export function fileFor(args) {
  const at = args.findIndex((word) => /^--target(=|$)/.test(word));
  if (at < 0) return `cxone-actions.${here()}.node`;
  const target = args[at].split("=")[1] ?? args[at + 1] ?? "";
  // As old a C library as cargo-zigbuild is told behind it.
  return platformOf(target.replace(/(\.\d+)+$/, "")).file;
}
