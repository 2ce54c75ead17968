// Under the test runners of our users: nothing is left open, nothing is warned of, and the end of the process is seen.
import assert from "node:assert/strict";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { Sandbox } from "cxone-actions";
import { accessTo, ECHO, ENTRY, environmentOf, folder, node, ROOT } from "./support.mjs";

const RUNNERS = join(ROOT, "tests", "node", "runners");
const JEST = join(RUNNERS, "node_modules", "jest", "bin", "jest.js");
const VITEST = join(RUNNERS, "node_modules", "vitest", "vitest.mjs");
const FILES = 12;

/** A user's project: the package as npm would put it there, and a test of his so many times. */
function project(t, runner, file, times) {
  const root = folder(t);
  const installed = join(root, "node_modules", "cxone-actions");
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(ROOT, "package.json"), join(installed, "package.json"));
  for (const part of ["dist", "native"])
    cpSync(join(ROOT, "bindings-node", part), join(installed, "bindings-node", part), { recursive: true });
  symlinkSync(join(RUNNERS, "node_modules", runner), join(root, "node_modules", runner));
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "user", jest: { transform: {} } }));
  const [, ...extension] = file.split(".");
  for (let n = 1; n <= times; n += 1)
    copyFileSync(join(RUNNERS, runner, file), join(root, [`${n}`, ...extension].join(".")));
  return root;
}

const jest = (cwd, args, env) =>
  node([JEST, "--ci", "--testMatch", "**/*.test.cjs", "--watchman=false", ...args], { cwd, env });

test("jest_passes_without_an_open_handle", async (t) => {
  const root = project(t, "jest", "user.test.cjs", FILES);
  const { code, signal, stdout, stderr } = await jest(root, ["--runInBand", "--detectOpenHandles"]);
  const said = stdout + stderr;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, said);
  assert.match(said, new RegExp(`Tests: +${3 * FILES} passed, ${3 * FILES} total`));
  assert.doesNotMatch(said, /open handle|did not exit|warning/i);
});

test("jest_with_workers_ends_by_itself", async (t) => {
  const root = project(t, "jest", "user.test.cjs", 4);
  const { code, stdout, stderr } = await jest(root, ["--maxWorkers=2"]);
  const said = stdout + stderr;
  assert.equal(code, 0, said);
  assert.doesNotMatch(said, /force exited|failed to exit|did not exit|warning/i);
});

test("the_end_of_the_process_is_seen_under_jest_too", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const root = project(t, "jest", "ending.test.cjs", 2);
  const [audit, told] = [join(root, "trail"), join(root, "told")];
  const env = { ...environmentOf(sandbox), AUDIT: audit, TOLD: told };
  const { code, stdout, stderr } = await jest(root, ["--runInBand", "--forceExit"], env);
  assert.equal(code, 0, stdout + stderr);
  const ends = readdirSync(audit)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => JSON.parse(readFileSync(join(audit, name), "utf8").trimEnd().split("\n").at(-1)));
  assert.deepEqual(
    ends.map(({ event }) => event),
    ["closed", "closed"],
  );
  const heads = readFileSync(told, "utf8").trimEnd().split("\n").map(Number);
  for (const { seq } of ends) assert.ok(heads.includes(seq), `${seq} is not among ${heads}`);
});

for (const [name, args] of [
  ["forks", ["--pool=forks"]],
  ["threads", ["--pool=threads"]],
  ["one_process", ["--pool=forks", "--no-isolate", "--no-file-parallelism"]],
]) {
  test(`vitest_passes_in_${name}`, async (t) => {
    const root = project(t, "vitest", "user.spec.mjs", 6);
    const { code, signal, stdout, stderr } = await node([VITEST, "run", "--root", root, ...args], {
      cwd: root,
    });
    const said = stripVTControlCharacters(stdout + stderr);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, said);
    assert.match(said, /Tests +18 passed/);
    assert.doesNotMatch(said, /hang|unhandled|warning|timed? ?out/i);
  });
}

/** A program that sees the resources that Node makes and destroys, with the options of a client of this gateway. */
function watching(sandbox, body) {
  return `
    const { createHook } = require("node:async_hooks");
    const open = new Map();
    createHook({
      init: (id, type) => { if (/threadsafe|Timeout|Immediate/.test(type)) open.set(id, type); },
      destroy: (id) => open.delete(id),
    }).enable();
    const pause = () => new Promise((resolve) => setTimeout(resolve, 30));
    /** When what is over has been let go of, at the latest after five seconds. */
    const rest = async () => {
      await pause();
      for (let n = 0; n < 150 && state().active.length > 0; n += 1) await pause();
    };
    const state = () => ({
      handles: [...open.values()].filter((type) => /threadsafe/.test(type)).length,
      active: process.getActiveResourcesInfo().filter((type) => type !== "PipeWrap" && type !== "TTYWrap"),
      listeners: process.listenerCount("exit"),
    });
    const options = ${JSON.stringify(accessTo(sandbox))};
    const request = { actionId: "${ECHO}", inputs: {} };
    (async () => { ${body} })();`;
}

test("a_client_at_rest_leaves_no_handle_and_a_closed_one_no_listener", async (t) => {
  const sandbox = new Sandbox({ completeAfterMs: 5 });
  t.after(() => sandbox.close());
  const body = `
    const { Client } = require("cxone-actions");
    const clients = [1, 2, 3].map(() => new Client({ ...options, auditCheckpoints: undefined }));
    const told = { made: state() };
    const calls = clients.map((client) => client.run(request));
    told.busy = state();
    await Promise.all(calls);
    await rest();
    told.atRest = state();
    for (const client of clients) await client.close();
    await clients[0].close();
    await rest();
    told.closed = state();
    const again = new Client({ ...options, audit: ${JSON.stringify(folder(t))}, auditCheckpoints: () => {} });
    await again.run(request);
    await rest();
    told.keepsCheckpoints = state();
    await again.close();
    await rest();
    told.over = state();
    console.log(JSON.stringify(told));`;
  const { code, stdout, stderr } = await node(["-e", watching(sandbox, body)]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const told = JSON.parse(stdout);
  const nothing = { handles: 0, active: [], listeners: 0 };
  assert.deepEqual(told.made, { ...nothing, listeners: 1 });
  assert.deepEqual(told.busy, { handles: 1, active: ["Timeout"], listeners: 1 });
  assert.deepEqual(told.atRest, { ...nothing, listeners: 1 });
  assert.deepEqual(told.closed, nothing);
  assert.deepEqual(told.keepsCheckpoints, { handles: 1, active: [], listeners: 1 });
  assert.deepEqual(told.over, nothing);
});

test("the_module_evaluated_fifteen_times_warns_of_nothing", async (t) => {
  const sandbox = new Sandbox({ completeAfterMs: 5 });
  t.after(() => sandbox.close());
  const directory = JSON.stringify(folder(t));
  const body = `
    const again = () => {
      for (const key of Object.keys(require.cache)) if (!key.endsWith(".node")) delete require.cache[key];
      return require(${JSON.stringify(ENTRY)});
    };
    const told = [];
    for (const more of [{}, { audit: ${directory}, auditCheckpoints: () => {} }]) {
      const clients = [];
      for (let n = 0; n < 15; n += 1) clients.push(new (again().Client)({ ...options, ...more }));
      await Promise.all(clients.map((client) => client.run(request)));
      told.push(state().listeners);
      await Promise.all(clients.map((client) => client.close()));
      told.push(state().listeners);
    }
    console.log(JSON.stringify(told));`;
  const { code, stdout, stderr } = await node(["-e", watching(sandbox, body)]);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "[1,0,1,0]\n", stderr: "" });
});
