// What every driver in Node does: reads its case, counts, and says one line of JSON. The clients differ, the measuring
// does not: the same clock around one invocation, the same CPU time of the whole process.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

export const INVOCATIONS = "/api/v2/integrations/actions/invocations";

/** The case, as the orchestrator words it. */
export const given = {
  ca_file: null,
  /** Connections that a client may have; as many as invocations where nothing is said. */
  connections: 0,
  /** Milliseconds that the action is known to take. */
  hold_ms: 0,
  ...JSON.parse(process.argv[2]),
};
export const pool = given.connections || given.concurrency;
export const ca = given.ca_file ? readFileSync(given.ca_file, "utf8") : undefined;
/** What a user who writes the loop by hand sleeps between two looks. */
export const pause = given.hold_ms ? 250 : 100;

/** Padded so that the body that carries them has about `payload` bytes. */
export const inputs = padded();

function padded() {
  const small = { customerId: "CUST-998877", orderReference: "ORD-2023-1122", priority: 1, note: "" };
  const bare = { actionId: given.action_id, inputs: small, correlationId: randomUUID() };
  return { ...small, note: "x".repeat(Math.max(0, given.payload - JSON.stringify(bare).length)) };
}

/** The body of a POST as a peer's user writes it. */
export function body() {
  return JSON.stringify({ actionId: given.action_id, inputs, correlationId: randomUUID() });
}

/** The token request's form. */
export function form() {
  return new URLSearchParams({
    grant_type: "client_credentials",
    client_id: given.client_id,
    client_secret: given.client_secret,
    scope: "integration:actions:write integration:actions:read",
  }).toString();
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `VmHWM` or `VmRSS` of this process in KiB. */
function memory(name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync("/proc/self/status", "ascii"))[1]);
}

/** `count` invocations from as many loops as are to be in flight; `one` says how its invocation ended. */
export async function loops(one, count, took) {
  let left = count;
  const loop = async () => {
    while (left-- > 0) {
      const began = performance.now();
      if ((await one()) === "COMPLETED") took.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: Math.min(given.concurrency, count) }, loop));
}

/**
 * Warms up, measures and says the line; fails where an invocation is missing. `run` is given how many invocations and
 * where their latencies go; `check` is asked after the measured part.
 */
export async function measure(run, check) {
  await run(given.warmup, []);
  const took = [];
  const resident = memory("VmRSS");
  const [began, before] = [performance.now(), process.cpuUsage()];
  await run(given.invocations, took);
  const [seconds, used] = [(performance.now() - began) / 1000, process.cpuUsage(before)];
  const peak = memory("VmHWM");
  await check?.(given.warmup + took.length);
  took.sort((a, b) => a - b);
  const said = {
    cpu_us: (used.user + used.system) / given.invocations,
    per_second: given.invocations / seconds,
    p50_us: took[Math.floor(took.length / 2)] * 1000,
    p99_us: took[Math.floor((took.length * 99) / 100)] * 1000,
    peak_kb: peak,
    grew_kb: peak - resident,
    ended: took.length,
  };
  const complete = took.length === given.invocations;
  process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(complete ? 0 : 1));
}
