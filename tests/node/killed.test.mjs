// What `kill -9` leaves behind, and what the next process makes of it: faults 39 to 41. The gateway lives in this process,
// and its own count of executions is the judge of those that are killed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Client, Sandbox } from "cxone-actions";
import { accessTo, command, environmentOf, folder, REQUEST, ROOT, rejection } from "./support.mjs";
import { numbers } from "./trails.mjs";

const USER = join(ROOT, "tests", "node", "batch-user.mjs");
const FOR_EVER = 3_600_000;

/** A gateway, and what its users and a reader of their trail need. */
function ground(t) {
  const sandbox = new Sandbox({ completeAfterMs: 20 });
  t.after(() => sandbox.close());
  const place = folder(t);
  const [audit, file] = [join(place, "trail"), join(place, "taken")];
  const env = { ...environmentOf(sandbox), CXONE_AUDIT_DIR: audit };
  const taken = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []);
  const start = (count, dawdles = 1) => user(t, [file, count, dawdles], env);
  /** Reads the trail with a client of its own. */
  const look = async (work) => {
    const client = new Client({ ...accessTo(sandbox), audit });
    try {
      const { ok, problems } = client.audit.verify();
      assert.ok(ok, JSON.stringify(problems));
      return work(client);
    } finally {
      await client.close();
    }
  };
  return { sandbox, audit, env, taken, start, look };
}

function user(t, args, env) {
  const child = spawn(process.execPath, [USER, ...args.map(String)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.after(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ended,
    says: async (word) => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`it ended without saying ${word}`);
        if (value === word) return;
      }
    },
    kill: async () => {
      child.kill("SIGKILL");
      assert.deepEqual(await ended, [null, "SIGKILL"]);
    },
  };
}

async function until(holds) {
  const end = performance.now() + 60_000;
  while (!holds()) {
    assert.ok(performance.now() < end, "the moment did not come");
    await setTimeout(1);
  }
}

const onDisk = (audit, event) =>
  existsSync(audit) &&
  readdirSync(audit).some((name) => readFileSync(join(audit, name), "utf8").includes(`"event":"${event}"`));

const isPolled = (sandbox) => sandbox.requests.some(({ path }) => path.includes("/invocations/"));

// What the gateway does until the moment, how it is seen, what is left and executed then; and what the next process makes
// of it: executions, and results taken.
const MOMENTS = {
  before_the_post: ["token", ({ audit }) => onDisk(audit, "started"), "unsent", 0, 1, 1],
  after_its_last_byte: ["invoke", ({ sandbox }) => sandbox.executions("call-0") === 1, "unknown", 1, 1, 0],
  after_acceptance: ["poll", ({ sandbox }) => isPolled(sandbox), "accepted", 1, 1, 1],
  while_the_handler_had_the_result: [null, ({ taken }) => taken().length === 1, "accepted", 1, 1, 2],
};
for (const [moment, [point, hasCome, state, executed, afterwards, results]] of Object.entries(MOMENTS)) {
  test(`a_death_${moment}_leaves_what_can_be_known`, async (t) => {
    const here = ground(t);
    const { sandbox, taken, start, look } = here;
    if (point) sandbox.inject(point, { delay: 60 }, 1);
    const child = start(1, FOR_EVER);
    await until(() => hasCome(here));
    await child.kill();
    await look((client) => {
      const [left, ...more] = client.recover();
      assert.deepEqual(more, []);
      assert.deepEqual([left.correlationId, left.state], ["call-0", state]);
      assert.equal(left.resumeToken !== null, state === "accepted");
    });
    assert.equal(sandbox.executions("call-0"), executed);
    const next = start(1);
    await next.says("done");
    assert.deepEqual(await next.ended, [0, null]);
    assert.equal(sandbox.executions("call-0"), afterwards);
    assert.deepEqual(taken(), Array(results).fill("call-0"));
    const states = await look((client) => client.recover().map((left) => left.state));
    assert.deepEqual(states, state === "unknown" ? ["unknown"] : []);
  });
}

test("a_batch_survives_kills_at_random_moments", async (t) => {
  const [seed, calls, kills] = [Number(process.env.CRASH_SEED ?? 1), 400, 12];
  t.diagnostic(`seed ${seed}`);
  const lot = numbers(seed);
  const { sandbox, taken, start, look } = ground(t);
  for (let kill = 0; kill < kills; kill += 1) {
    const child = start(calls);
    await child.says(lot() < 0.25 ? "open" : "working");
    await setTimeout(lot() * 80);
    await child.kill();
    await look((client) => {
      for (const left of client.recover()) {
        const possible = { unsent: [0], unknown: [0, 1], accepted: [1] }[left.state];
        assert.ok(possible.includes(sandbox.executions(left.correlationId)), JSON.stringify(left));
      }
    });
  }
  const last = start(calls);
  await last.says("done");
  assert.deepEqual(await last.ended, [0, null]);

  const handled = taken();
  await look((client) => {
    const unfinished = client.recover();
    assert.ok(
      unfinished.every(({ state }) => state === "unknown"),
      "something could have been gone on with",
    );
    const unknown = new Set(unfinished.map(({ correlationId }) => correlationId));
    const ids = (event) => new Set(Array.from(client.audit.records({ event }), (r) => r.correlation_id));
    const [ended, accepted] = [ids("terminal"), ids("accepted")];
    for (let n = 0; n < calls; n += 1) {
      const id = `call-${n}`;
      const executions = sandbox.executions(id);
      assert.ok(ended.has(id) !== unknown.has(id), `${id} is not in exactly one state`);
      assert.ok(!accepted.has(id) || ended.has(id), `${id} was accepted and is lost`);
      if (ended.has(id)) assert.ok(executions === 1 && handled.includes(id), `${id}: ${executions}`);
      else assert.ok(executions <= 1, `${id}: ${executions}`);
    }
    t.diagnostic(
      `${ended.size} ended, ${unknown.size} unknown, ${handled.length - ended.size} delivered again`,
    );
  });
});

// Fault 40: what a segment may look like when its writer died, or somebody touched it.
const TOUCHED = {
  a_torn_end_is_cut: [
    (path) => appendFileSync(path, '{"v":1,"seq":99,"ts":"20'),
    { ok: true, cut: 1, line: [] },
  ],
  a_flipped_bit_is_named: [
    (path) => {
      const lines = readFileSync(path, "latin1").split("\n");
      const at = lines[2].indexOf('"actor":"') + 9;
      lines[2] =
        lines[2].slice(0, at) + String.fromCharCode(lines[2].charCodeAt(at) ^ 1) + lines[2].slice(at + 1);
      writeFileSync(path, lines.join("\n"), "latin1");
    },
    { ok: false, cut: 0, line: [3] },
  ],
  an_empty_segment_is_fine: [
    (path) => writeFileSync(join(path, "..", `29991231T235959.000000Z-1-${"0".repeat(12)}.jsonl`), ""),
    { ok: true, cut: 0, line: [] },
  ],
};
for (const [name, [touch, wanted]] of Object.entries(TOUCHED)) {
  test(name, async (t) => {
    const { sandbox, audit } = ground(t);
    const options = { ...accessTo(sandbox), audit };
    const client = new Client(options);
    await client.run(REQUEST);
    await client.close();
    const [segment] = readdirSync(audit).filter((name) => name.endsWith(".jsonl"));
    touch(join(audit, segment));
    const reader = new Client(options);
    t.after(() => reader.close());
    const { ok, cut, problems } = reader.audit.verify();
    assert.deepEqual({ ok, cut, line: problems.map((problem) => problem.line) }, wanted);
    assert.deepEqual(reader.recover(), []);
  });
}

// Fault 41: no room, and no directory.
const FULL = `
  const { Client } = require("cxone-actions");
  const request = ${JSON.stringify(REQUEST)};
  const client = new Client();
  (async () => {
    const running = await client.invoke(request);
    for (let n = 0; n < 40; n += 1) {
      await client.run({ ...request, correlationId: "call-" + n }).catch((error) => {
        if (error.kind !== "audit" || error.executed !== "no") throw error;
        console.log("call-" + n);
      });
    }
    if (!(await client.poll(running)).ok) throw new Error("the poll did not go on");
    await client.close();
  })();`;

test("where_there_is_no_room_nothing_is_sent_and_polls_go_on", async (t) => {
  const { sandbox, env, look } = ground(t);
  // The limit counts in blocks of 512 bytes; the signal would end the process before it could see the error.
  const limited = ["-c", 'trap "" XFSZ; ulimit -f 16; exec "$0" -e "$1"', process.execPath, FULL];
  const { code, stdout, stderr } = await command("sh", limited, { env });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const refused = stdout.split("\n").filter(Boolean);
  assert.ok(refused.length > 20 && refused.length < 40, stdout);
  for (let n = 0; n < 40; n += 1) {
    assert.equal(sandbox.executions(`call-${n}`), refused.includes(`call-${n}`) ? 0 : 1, `call-${n}`);
  }
  const sent = await look((client) => Array.from(client.audit.records({ event: "sending" })));
  assert.ok(sent.every((record) => !refused.includes(record.correlation_id)));
});

test("where_the_directory_is_gone_nothing_is_sent_and_polls_go_on", async (t) => {
  const { sandbox, audit } = ground(t);
  const client = new Client({ ...accessTo(sandbox), audit });
  t.after(() => client.close());
  const running = await client.invoke(REQUEST);
  rmSync(audit, { recursive: true });
  for (let n = 0; n < 3; n += 1) {
    const error = await rejection(client.run({ ...REQUEST, correlationId: `call-${n}` }));
    assert.deepEqual([error.kind, error.executed], ["audit", "no"]);
    assert.equal(sandbox.executions(`call-${n}`), 0);
  }
  assert.ok((await client.poll(running)).ok);
  assert.ok(!existsSync(audit), "a directory that somebody deleted is not made again");
});
