// The command that comes with the package.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Client, version } from "cxone-actions";
import { ACTION, INPUTS, node, ROOT } from "./support.mjs";

const COMMAND = `${ROOT}/bindings-node/dist/bin.js`;

test("it_says_its_version_and_refuses_what_it_does_not_know", async () => {
  const said = await node([COMMAND, "--version"]);
  assert.deepEqual([said.code, said.stdout.trim()], [0, `cxone-actions ${version}`]);
  const { code, stderr } = await node([COMMAND, "no-such-command"]);
  assert.equal(code, 2);
  assert.match(stderr, /no-such-command/);
});

test("its_sandbox_serves_until_it_is_told_to_end", async (t) => {
  const child = spawn(process.execPath, [COMMAND, "sandbox", "--output", "json"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const said = JSON.parse(line);
  const client = new Client({
    baseUrl: said.CXONE_BASE_URL,
    clientId: said.CXONE_CLIENT_ID,
    clientSecret: said.CXONE_CLIENT_SECRET,
  });
  const { status } = await client.run({ actionId: ACTION, inputs: INPUTS });
  assert.equal(status, "COMPLETED");
  await client.close();
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
