// The command that npm installs is the one that cargo builds: the same bytes, the same codes, the same signals.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Sandbox } from "cxone-actions";
import { ACTION, environmentOf, folder, NEVER_ENDS, ROOT } from "./support.mjs";

const NPM = [process.execPath, join(ROOT, "bindings-node", "dist", "bin.js")];
const CARGO = [join(ROOT, "target", "release", "cxone-actions")];
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CXONE_")));

test("it_says_what_the_one_of_cargo_says_and_ends_as_it_does", (t) => {
  const build = ["build", "--release", "--quiet", "--locked", "--package", "cxone-actions-cli"];
  execFileSync("cargo", build, { cwd: ROOT, stdio: "inherit" });
  const cwd = folder(t);
  writeFileSync(join(cwd, "cxone-actions.toml"), '[settings]\nactor = "me"\n');
  const said = ([program, ...before], args) => {
    const { status, stdout, stderr } = spawnSync(program, [...before, ...args], { cwd, env: clean });
    return [status, stdout.toString(), stderr.toString()];
  };
  for (const [args, code] of [
    [["--version"], 0],
    [["--help"], 0],
    [["run", "--help"], 0],
    [["config", "show"], 0],
    [["config", "show", "--output", "json"], 0],
    [["config", "show", "--use", "none"], 2],
    [["run", ACTION], 2],
    [["run", ACTION, "--client-secret", "s"], 2],
    [["no-such-command"], 2],
    [["completion", "zsh"], 0],
    [["man"], 0],
  ]) {
    const ours = said(NPM, args);
    assert.equal(ours[0], code, args.join(" "));
    assert.deepEqual(ours, said(CARGO, args), args.join(" "));
  }
  assert.equal(said(NPM, ["run", "no-uuid", "--sandbox"])[0], 3);
});

test("ctrl_c_passes_and_the_resume_token_is_told", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const [program, bin] = NPM;
  const child = spawn(program, [bin, "run", NEVER_ENDS, "--poll-interval", "0.02"], {
    cwd: folder(t),
    env: { ...clean, ...environmentOf(sandbox) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const said = [];
  child.stderr.on("data", (data) => said.push(data));
  while (!sandbox.requests.some((seen) => seen.method === "GET")) {
    assert.equal(child.exitCode, null);
    await sleep(5);
  }
  child.kill("SIGINT");
  const [code] = await once(child, "close");
  assert.equal(code, 130);
  assert.match(Buffer.concat(said).toString(), /cxone-actions poll cxr1\./);
});
