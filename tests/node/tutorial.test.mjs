// A program in the shape of the original tutorial, without this library, against the command that comes with it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { node, ROOT } from "./support.mjs";

const COMMAND = join(ROOT, "bindings-node", "dist", "bin.js");
const PROGRAM = join(ROOT, "tests", "node", "runners", "axios", "tutorial.mjs");

test("the_tutorials_own_program_completes_against_the_sandbox_command", async (t) => {
  const child = spawn(process.execPath, [COMMAND, "sandbox", "--output", "json"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const env = { ...JSON.parse(line), INTERVAL_MS: "20" };
  for (const [action, status, outputs] of [
    [undefined, "COMPLETED", { queue: "priority-support", customerId: "CUST-998877", priority: 1 }],
    ["00000000-0000-4000-8000-000000000001", "FAILED", {}],
    ["00000000-0000-4000-8000-000000000002", "CANCELLED", {}],
  ]) {
    const { code, stdout, stderr } = await node([PROGRAM], {
      env: { ...env, ...(action && { ACTION: action }) },
    });
    assert.equal(code, 0, stderr);
    const said = JSON.parse(stdout);
    assert.deepEqual([said.accepted, said.told, said.status], ["PENDING", status, status]);
    assert.match(said.invocationId, /^[0-9a-f-]{36}$/);
    for (const [name, value] of Object.entries(outputs)) assert.deepEqual(said.outputs[name], value);
    assert.equal(said.errorMessage === null, status === "COMPLETED");
  }
});
