// A user's process at a bad moment. `user.mjs MODE NUMBER COUNT`; the gateway and the trail come from the environment.
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Client } from "cxone-actions";

const AT_ONCE = "00000000-0000-4000-8000-000000000004";
const NEVER_ENDS = "00000000-0000-4000-8000-000000000005";
const [mode, number, count] = isMainThread
  ? [process.argv[2], process.argv[3], Number(process.argv[4])]
  : workerData;

async function inFlight() {
  const client = new Client({ maxInFlight: count });
  for (let index = 0; index < count; index += 1) {
    const request = { actionId: NEVER_ENDS, inputs: {}, correlationId: `${mode}-${number}-${index}` };
    client.run(request).catch(() => {});
  }
  while (client.metrics().started < count / 2) await setTimeout(1);
}

async function calls() {
  const client = new Client();
  const request = { actionId: AT_ONCE, inputs: { customerId: "CUST-998877", priority: 1 } };
  function* requests() {
    for (let index = 0; index < count; index += 1) yield request;
  }
  const marks = [];
  const began = performance.now();
  let seen = 0;
  for await (const outcome of client.runMany(requests(), { concurrency: 64 })) {
    if (!outcome.result?.ok) throw outcome.error ?? new Error("no result");
    seen += 1;
    if (seen % Math.max(1, Math.floor(count / 10)) === 0) marks.push(process.resourceUsage().maxRSS / 1024);
  }
  const seconds = (performance.now() - began) / 1000;
  const metrics = client.metrics();
  if (metrics.completed !== count || metrics.started !== count) throw new Error(JSON.stringify(metrics));
  await client.close();
  const early = marks[Math.floor(marks.length / 2)].toFixed(0);
  const late = marks.at(-1).toFixed(0);
  console.log(
    `${(count / seconds).toFixed(0)} calls/s, peak memory ${early} MiB at half, ${late} MiB at the end`,
  );
}

if (!isMainThread) {
  await inFlight();
  parentPort.postMessage("on their way");
  await setTimeout(60_000);
} else if (mode === "exit") {
  await inFlight();
  process.stdout.write("on their way\n", () => process.exit(0));
} else if (mode === "worker") {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: [mode, number, count] });
  worker.once("message", async () => {
    console.log("on their way");
    await worker.terminate();
  });
} else if (mode === "calls") {
  await calls();
} else {
  throw new Error(`no such mode: ${mode}`);
}
