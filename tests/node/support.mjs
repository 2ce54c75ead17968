// What the tests share: a gateway with a client of it that both end with the test, and subprocesses.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client, Sandbox } from "cxone-actions";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const ENTRY = join(ROOT, "bindings-node", "dist", "index.js");

/** The tutorial's action. */
export const ACTION = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
export const INPUTS = { customerId: "CUST-998877", orderReference: "ORD-2023-1122", priority: 1 };
export const REQUEST = { actionId: ACTION, inputs: INPUTS };
export const FAILS = "00000000-0000-4000-8000-000000000001";
export const IS_CANCELLED = "00000000-0000-4000-8000-000000000002";
export const ECHO = "00000000-0000-4000-8000-000000000003";
export const AT_ONCE = "00000000-0000-4000-8000-000000000004";
export const NEVER_ENDS = "00000000-0000-4000-8000-000000000005";

/** A gateway and a client of it. Both are closed when the test ends. */
export function connected(t, options = {}, sandboxOptions = {}) {
  const sandbox = new Sandbox({ completeAfterMs: 5, ...sandboxOptions });
  const client = new Client({ ...accessTo(sandbox), ...options });
  t.after(async () => {
    await client.close();
    sandbox.close();
  });
  return { sandbox, client };
}

/** The options that let a client in. */
export function accessTo(sandbox) {
  return {
    baseUrl: sandbox.baseUrl,
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
    pollIntervalMs: 5,
  };
}

/** What the environment of a process says of its gateway. */
export function environmentOf(sandbox) {
  return {
    CXONE_BASE_URL: sandbox.baseUrl,
    CXONE_CLIENT_ID: sandbox.clientId,
    CXONE_CLIENT_SECRET: sandbox.clientSecret,
  };
}

/** A folder that is removed when the test ends. */
export function folder(t, parent = tmpdir()) {
  const path = mkdtempSync(join(parent, "cxone-actions-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What a promise is rejected with. */
export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was not rejected");
}

/** What a function throws. */
export function thrown(work) {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}

/** The events of the trail, in order. */
export function events(client, filter) {
  return Array.from(client.audit.records(filter), (record) => record.event);
}

/** Runs a program of Node's to its end. */
export function node(args, { env = {}, cwd = ROOT, limitMs = 60_000 } = {}) {
  return command(process.execPath, args, { env, cwd, limitMs });
}

/** Runs a program to its end; killed, and so failed, when it takes too long. */
export async function command(program, args, { env = {}, cwd = ROOT, limitMs = 60_000 } = {}) {
  const started = performance.now();
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const { code, signal } = await new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve({ code: child.exitCode, signal: child.signalCode });
    } else {
      child.once("close", (code, signal) => resolve({ code, signal }));
    }
  });
  return { code, signal, stdout, stderr, ms: performance.now() - started };
}

async function text(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}
