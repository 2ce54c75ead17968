// A user's process at a bad moment. `user.mjs MODE NUMBER COUNT`; the gateway and the trail come from the environment.
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Client } from "cxone-actions";
import { MODES, run } from "./repeated.mjs";

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
} else if (MODES.includes(mode)) {
  await run(mode, count);
} else {
  throw new Error(`no such mode: ${mode}`);
}
