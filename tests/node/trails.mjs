// Trails as the documentation describes them, written without any of our code: for what takes weeks, or must be broken.
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Numbers from 0 to 1 that are the same in each run. */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One run of a client: a segment, and the records of it. */
export class Segment {
  #lines = [];
  #prev = "0".repeat(64);
  #seq = 0;

  constructor(directory, { at, run, actor = "svc-billing", host = "app-7", pid = 4711 }) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.origin = { host, pid, run };
    this.actor = actor;
    const digits = new Date(at).toISOString().replace(/[-:]/g, "").replace("Z", "000Z");
    this.name = `${digits}-${pid}-${run}.jsonl`;
    this.path = join(directory, this.name);
    writeFileSync(this.path, "", { mode: 0o600 });
  }

  append(event, at, fields = {}) {
    const { actor = this.actor, ...rest } = fields;
    const ts = new Date(at).toISOString().replace("Z", "000Z");
    const record = { v: 1, seq: ++this.#seq, ts, ...this.origin, event, actor, ...rest, prev: this.#prev };
    const covered = JSON.stringify(record).slice(0, -1);
    this.#prev = createHash("sha256").update(covered).digest("hex");
    this.#lines.push(`${covered},"hash":"${this.#prev}"}\n`);
    if (this.#lines.length >= 10_000) this.flush();
  }

  /** Where the chain is: what a checkpoint names. */
  get head() {
    return { segment: this.name, seq: this.#seq, hash: this.#prev };
  }

  flush() {
    appendFileSync(this.path, this.#lines.join(""));
    this.#lines = [];
  }
}

const uuid = (n) => `a1b2c3d4-e5f6-4890-8bcd-${n.toString(16).padStart(12, "0")}`;
const ACTIONS = [
  { id: uuid(1), name: "create-case", below: 0.46, median: 380, tail: 0.55, fails: 0.011 },
  { id: uuid(2), name: "refund-order", below: 0.67, median: 1450, tail: 0.7, fails: 0.034 },
  { id: uuid(3), name: "lookup-customer", below: 0.86, median: 74, tail: 0.4, fails: 0.002 },
  { id: uuid(4), name: "schedule-callback", below: 0.95, median: 5200, tail: 0.5, fails: 0.008 },
  { id: uuid(5), name: undefined, below: 1, median: 900, tail: 1.1, fails: 0.06 },
];
const ACTORS = ["svc-billing", "svc-crm", "ivr-frontend", "night-batch"];

/**
 * Some weeks of a contact centre: office hours, an outage on the way, denials, and a process that died.
 * Gives back how often each event was written.
 */
export function weeks(directory, { from, days, calls, seed = 7 }) {
  const random = numbers(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const counts = {};
  const day = 86_400_000;
  const outage = [from + days * 0.62 * day, from + (days * 0.62 + 0.35) * day];
  let n = 0;
  const begin = (d) => {
    const run = Math.floor(random() * 2 ** 47)
      .toString(16)
      .padStart(12, "0");
    const segment = new Segment(directory, {
      at: from + d * day,
      run,
      actor: ACTORS[d % ACTORS.length],
      host: `app-${1 + (d % 3)}`,
    });
    const write = (event, at, fields) => {
      counts[event] = (counts[event] ?? 0) + 1;
      segment.append(event, at, fields);
    };
    write("config", from + d * day, {
      note: `profile gateway, policy ${d < days / 2 ? "3f6c1b2a" : "c07e55d1"}`,
    });
    return { segment, write };
  };
  for (let d = 0; d < days; d++) {
    const weekend = [0, 6].includes(new Date(from + d * day).getUTCDay());
    const { segment, write } = begin(d);
    const plan = Array.from(
      { length: Math.round(calls * (weekend ? 0.25 : 1) * (0.85 + 0.3 * random())) },
      () => {
        const hour = Math.min(23.99, Math.max(0, 13 + 3.6 * normal()));
        return from + d * day + hour * 3_600_000;
      },
    ).sort((a, b) => a - b);
    const events = [];
    for (const at of plan) {
      n += 1;
      const pick = random();
      const action = ACTIONS.find((candidate) => pick < candidate.below);
      const who = { action_id: action.id, action_name: action.name, correlation_id: `order-${n}` };
      const put = (event, later, fields = {}) => events.push([at + later, event, { ...who, ...fields }]);
      const actor = random() < 0.7 ? segment.actor : ACTORS[Math.floor(random() * ACTORS.length)];
      if (random() < 0.006) {
        const note =
          random() < 0.6 ? "/actionId not_allowed" : "/inputs/amount maximum, /inputs/reason required";
        put("denied", 0, {
          actor: random() < 0.7 ? "ivr-frontend" : actor,
          kind: "denied",
          executed: "no",
          input_keys: ["amount"],
          note,
        });
        continue;
      }
      if (random() < 0.003) {
        put("invalid", 0, { actor, kind: "validation", executed: "no", note: "/inputs/customerId required" });
        continue;
      }
      const down = at > outage[0] && at < outage[1];
      const took = action.median * Math.exp(action.tail * normal()) * (down ? 4 : 1);
      const took_in = Math.min(took * 0.6, 30 + 40 * random());
      put("started", 0, { actor, input_keys: ["customerId"], bytes: 180 });
      put("sending", 1, { actor, attempt: 1, bytes: 180, timings: { queue_ms: 0.4 } });
      const fate = random();
      if (fate < (down ? 0.05 : 0.0004)) {
        put("unknown", 30_000, {
          actor,
          attempt: 1,
          kind: "outcome_unknown",
          executed: "unknown",
          timings: { duration_ms: 30_000 },
        });
      } else if (fate < (down ? 0.3 : 0.004)) {
        put("rejected", took_in, {
          actor,
          attempt: 1,
          http_status: down ? 503 : 422,
          kind: down ? "unavailable" : "rejected",
          executed: "no",
          timings: { duration_ms: took_in },
        });
      } else {
        const status =
          random() < action.fails * (down ? 4 : 1) ? "FAILED" : random() < 0.002 ? "CANCELLED" : "COMPLETED";
        const invocation_id = `inv-${n}`;
        put("accepted", took_in, {
          actor,
          invocation_id,
          attempt: 1,
          http_status: 202,
          status: "PENDING",
          executed: "yes",
          timings: { attempt_ms: took_in, invoke_ms: took_in },
        });
        if (down && random() < 0.02)
          put("poll_failed", took_in + 1, { actor, invocation_id, http_status: 503 });
        put("terminal", took, {
          actor,
          invocation_id,
          http_status: 200,
          status,
          executed: "yes",
          timings: { duration_ms: took },
        });
      }
    }
    events.sort((a, b) => a[0] - b[0]);
    const dies = d === days - 2;
    const last = dies ? events.length * 0.93 : events.length;
    for (const [at, event, fields] of events.slice(0, last)) write(event, at, fields);
    if (!dies) write("closed", from + (d + 1) * day - 1, {});
    segment.flush();
  }
  return counts;
}
