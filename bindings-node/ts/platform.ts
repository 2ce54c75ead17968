/**
 * Finds the native module that was built for this machine, and loads it.
 *
 * It is in the package of its platform, an optional dependency that npm chooses by `os`, `cpu` and `libc`; one that was
 * built here from source goes before it. Where there is none, the error says which of three reasons it has and what
 * mends it: no build for this machine, a package that was not installed, a file that does not load.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

const SCOPE = "@cxone-actions";
const ROOT = join(__dirname, "..", "..");
const FROM_SOURCE =
  "`npm explore cxone-actions -- npm run build:native` builds it from source (Rust: https://rustup.rs)";

interface Manifest {
  readonly version: string;
  /** In the published package only: a checkout builds its module itself. */
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What the build for this machine is called. */
function platformName(): string {
  const { platform, arch } = process;
  if (platform === "win32") return `win32-${arch}-msvc`;
  return platform === "linux" ? `linux-${arch}-${usesGlibc() ? "gnu" : "musl"}` : `${platform}-${arch}`;
}

function usesGlibc(): boolean {
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  // Other runtimes that load native modules of Node's need not have it.
  if (!report) return true;
  const { excludeNetwork } = report;
  // Otherwise it looks up the name of each peer of each socket, which can take seconds.
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime !== undefined;
  } finally {
    if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  }
}

/** The native module of this machine. */
export function nativeModule(): unknown {
  const name = platformName();
  const built = join(ROOT, "bindings-node", "native", `cxone-actions.${name}.node`);
  if (existsSync(built)) return loaded(built, name);

  const { version, optionalDependencies } = require(join(ROOT, "package.json")) as Manifest;
  if (!optionalDependencies) {
    throw new Error(
      "the native module of cxone-actions has not been built in this checkout: run `npm run build:native`",
    );
  }
  const wanted = `${SCOPE}/${name}`;
  if (!(wanted in optionalDependencies)) {
    const known = Object.keys(optionalDependencies).map((each) => `\`${each.slice(SCOPE.length + 1)}\``);
    throw new Error(
      `cxone-actions has no build for \`${name}\`, only for ${known.join(", ")}: ${FROM_SOURCE}`,
    );
  }
  const found = installed(wanted);
  if (!found) {
    throw new Error(
      `\`${wanted}\`, the part of cxone-actions that was built for this machine, is not installed: run ` +
        "`npm install --include=optional`; where that changes nothing, the lock file was made on another system: remove " +
        "`node_modules` and `package-lock.json` first",
    );
  }
  if (found.version !== version) {
    throw new Error(
      `\`${wanted}\` is version ${found.version}, and cxone-actions ${version}: run \`npm install cxone-actions@${version}\``,
    );
  }
  return loaded(found.file, name);
}

function installed(name: string): { file: string; version: string } | undefined {
  let manifest: string;
  try {
    manifest = require.resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  const { main, version } = require(manifest) as { main: string; version: string };
  return { file: join(manifest, "..", main), version };
}

function loaded(file: string, name: string): unknown {
  try {
    return require(file);
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    const forbidden = (cause as { code?: unknown } | null)?.code === "ERR_DLOPEN_DISABLED";
    const mend = forbidden ? "start Node without `--no-addons`, or with `--allow-addons`" : FROM_SOURCE;
    throw new Error(`the native module for \`${name}\` does not load on this machine (${reason}): ${mend}`, {
      cause,
    });
  }
}
