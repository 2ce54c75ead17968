// A registry of npm's on a loopback port that has the tarballs of one folder and nothing else, so that what was packed can
// be installed as it will be once it is published. `node scripts/npm_registry.mjs FOLDER` serves until it is stopped,
// and prints what to set: npm_config_registry=http://127.0.0.1:….
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Serves the tarballs of the folder. `close` ends it. */
export async function serve(folder) {
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  const packages = new Map(tarballs.map((name) => described(folder, name)));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname).slice(1);
    const tarball = tarballs.find((name) => path === `-/${name}`);
    const found = packages.get(path);
    if (tarball) response.end(readFileSync(join(folder, tarball)));
    else if (found) response.end(JSON.stringify(document(found, url())));
    else response.writeHead(404, { "content-type": "application/json" }).end('{"error": "not found"}');
  });
  const url = () => `http://127.0.0.1:${server.address().port}`;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: url(), packages: [...packages.keys()], close };
}

function described(folder, file) {
  // By its name alone: to GNU tar, which Git brings to Windows, what stands before a colon is another machine.
  const manifest = JSON.parse(
    execFileSync("tar", ["-xzOf", file, "package/package.json"], { cwd: folder, encoding: "utf8" }),
  );
  const integrity = `sha512-${createHash("sha512")
    .update(readFileSync(join(folder, file)))
    .digest("base64")}`;
  return [manifest.name, { manifest, file, integrity }];
}

function document({ manifest, file, integrity }, url) {
  const { name, version } = manifest;
  const dist = { tarball: `${url}/-/${file}`, integrity };
  return { name, "dist-tags": { latest: version }, versions: { [version]: { ...manifest, dist } } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2);
  if (!folder) throw new Error("say which tarballs: node scripts/npm_registry.mjs FOLDER");
  const { url } = await serve(folder);
  console.log(`npm_config_registry=${url}/`);
}
