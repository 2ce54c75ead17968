// A great many calls in one process, and what they leave behind: memory at every tenth, handles at the end. Printed as one
// JSON object, for the proof to judge.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Client } from "cxone-actions";

const CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const AT_ONCE = "00000000-0000-4000-8000-000000000004";
const INPUTS = { customerId: "CUST-998877", priority: 1 };
const AT_ONE_TIME = 64;

// What is garbage is no leak, and when V8 looks for it is its own business.
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** Counts calls, and looks at this process at every tenth of them. */
class Marks {
  memory = [];
  #began = performance.now();
  #seen = 0;
  #step;

  constructor(count) {
    this.#step = Math.max(1, Math.floor(count / 10));
  }

  one() {
    this.#seen += 1;
    if (this.#seen % this.#step !== 0) return;
    collect();
    this.memory.push(process.memoryUsage.rss() / 2 ** 20);
  }

  said() {
    const seconds = (performance.now() - this.#began) / 1000;
    return { calls: this.#seen, rate: Math.round(this.#seen / seconds), memory: this.memory };
  }
}

/**
 * What this process has open, once the event loop and the I/O thread have had a moment to close what is closing: until it
 * is no more than `before`, where that is known.
 */
async function left(before) {
  collect();
  const end = performance.now() + (before ? 5000 : 50);
  for (;;) {
    await setTimeout(50);
    const now = {
      descriptors: readdirSync("/proc/self/fd").length,
      threads: Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]),
      handles: process.getActiveResourcesInfo().length,
      listeners: process.listenerCount("exit"),
    };
    const settled = before && Object.entries(now).every(([what, count]) => count <= before[what]);
    if (settled || performance.now() > end) return now;
  }
}

/** So many at one time, each of which takes the next when it is done. */
async function byTurns(count, one) {
  let turn = 0;
  const each = async () => {
    while (turn < count) await one(turn++);
  };
  await Promise.all(Array.from({ length: AT_ONE_TIME }, each));
}

async function runMany(client, count, marks) {
  function* requests() {
    for (let index = 0; index < count; index += 1) yield { actionId: AT_ONCE, inputs: INPUTS };
  }
  for await (const { error } of client.runMany(requests(), { concurrency: AT_ONE_TIME })) {
    if (error) throw error;
    marks.one();
  }
}

async function poll(client, count, marks) {
  await byTurns(count, async () => {
    const { ok } = await client.poll(await client.invoke({ actionId: CREATE_CASE, inputs: INPUTS }));
    if (!ok) throw new Error("it did not complete");
    marks.one();
  });
}

/**
 * One signal for all calls but every third, which has one of its own, and a function for the result of each. (Not
 * `AbortSignal.any`: Node 20 itself keeps some bytes of each one.)
 */
async function handlers(client, count, marks) {
  const { signal } = new AbortController();
  let called = 0;
  const onResult = (result) => {
    called += result.ok;
  };
  await byTurns(count, async (turn) => {
    const waits = turn % 3 === 0 ? new AbortController().signal : signal;
    await client.run({ actionId: AT_ONCE, inputs: INPUTS }, { signal: waits, onResult });
    marks.one();
  });
  if (called !== count) throw new Error(`${called} results were handed over`);
}

const WORK = { calls: runMany, calls_poll: poll, calls_handlers: handlers };

async function through(mode, count, marks) {
  const client = new Client(mode === "calls_poll" ? { pollIntervalMs: 1 } : {});
  await WORK[mode](client, count, marks);
  await client.close();
  const { started, completed } = client.metrics();
  if (started !== count || completed !== count) throw new Error(`${started} started, ${completed} completed`);
}

export const MODES = Object.keys(WORK);

export async function run(mode, count) {
  // What the first call of a process makes and keeps, the I/O thread above all, is no leak.
  await through(mode, 1, new Marks(1));
  const before = await left();
  const marks = new Marks(count);
  await through(mode, count, marks);
  console.log(JSON.stringify({ ...marks.said(), before, after: await left(before) }));
}
