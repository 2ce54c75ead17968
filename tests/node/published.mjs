// The packages as they are published: packed from the checkout, and served by a registry of npm's on a loopback port.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { here, PLATFORMS } from "../../bindings-node/scripts/platforms.mjs";
import { pack } from "../../scripts/npm_packages.mjs";
import { serve } from "../../scripts/npm_registry.mjs";
import { command, ROOT } from "./support.mjs";

/**
 * The tarballs of all platforms, in a registry. Of this machine's the module is the real one; npm does not look into the
 * others'. `close` removes everything.
 */
export async function published() {
  const folder = mkdtempSync(join(tmpdir(), "cxone-actions-published-"));
  const [native, tarballs] = [join(folder, "native"), join(folder, "tarballs")];
  mkdirSync(native);
  for (const { name, file } of PLATFORMS) {
    if (name === here()) copyFileSync(join(ROOT, "bindings-node", "native", file), join(native, file));
    else writeFileSync(join(native, file), `built for ${name}`);
  }
  pack(tarballs, native);
  const registry = await serve(tarballs);
  const close = async () => {
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  };
  // How a process comes to install from it.
  const environ = {
    npm_config_registry: registry.url,
    npm_config_cache: join(folder, "cache"),
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    npm_config_loglevel: "error",
  };
  const install = async (project, ...options) => {
    writeFileSync(join(project, "package.json"), '{"name": "empty", "private": true}');
    return command("npm", ["install", "cxone-actions", ...options], { cwd: project, env: environ });
  };
  return { tarballs, packages: registry.packages, environ, install, close };
}
