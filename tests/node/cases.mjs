// How a case of the vectors is called and compared: what `exchanges.json` and `faults.json` have in common.
//
// The files make the promises, `tests/vectors/README.md` says how they are read. Here is how Node calls and compares.
import assert from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";
import { ActionDescription, ActionResult, Client, Invocation } from "cxone-actions";
import { vectors, wordsInNode } from "./vectors.mjs";

/** Cases at once: each has a gateway of its own, so they do not see one another. */
const AT_ONCE = 8;
const PATIENCE_MS = 10_000;
const DURATIONS = new Set([
  "timeout",
  "request_timeout",
  "connect_timeout",
  "poll_interval",
  "token_lifetime",
  "complete_after",
]);
const ENDS = ["completed", "failed", "cancelled", "rejected", "aborted", "unknown", "inFlight", "detached"];

const KINDS = [
  [ActionResult, "result"],
  [Invocation, "invocation"],
  [ActionDescription, "description"],
];

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/** A place in a request is a pointer in wire names; an option has its own name in each language. */
const placeInNode = (path) => (path === "" || path.startsWith("/") ? path : camel(path));

/** Names in camelCase, seconds as milliseconds. */
export function inNode(options) {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) =>
      DURATIONS.has(name) ? [`${camel(name)}Ms`, value * 1000] : [camel(name), value],
    ),
  );
}

/** `{"$integer": "…"}` is the integer that it stands for: a number where it is exact. */
function exact(value) {
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== "object" || value === null) return value;
  if (value.$integer) {
    return Number.isSafeInteger(Number(value.$integer)) ? Number(value.$integer) : BigInt(value.$integer);
  }
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, exact(member)]));
}

class Case {
  deliveries = 0;
  complaints = [];

  constructor(defaults, spec, gateway) {
    this.spec = spec;
    this.expect = spec.expect;
    this.gateway = gateway;
    const merged = (key) => ({ ...defaults[key], ...spec[key] });
    this.request = exact(merged("request"));
    const { baseUrl, clientId, clientSecret, accessKeyId, accessKeySecret, caFile } = gateway;
    const holes = {
      "{port}": new URL(baseUrl).port,
      "{access_key_id}": accessKeyId,
      "{access_key_secret}": accessKeySecret,
    };
    const filled = (value) =>
      typeof value === "string"
        ? Object.entries(holes).reduce((text, [hole, own]) => text.replace(hole, own), value)
        : value;
    this.options = { baseUrl, clientId, clientSecret, ...inNode(merged("options")) };
    for (const [name, value] of Object.entries(this.options)) this.options[name] = filled(value);
    if (caFile) this.options.caFile = caFile;
  }

  async run() {
    const began = performance.now();
    let client;
    let given;
    try {
      client = new Client(this.options);
      given = await this.call(client);
    } catch (error) {
      given = error;
    }
    const took = (performance.now() - began) / 1000;
    await this.gateway.look?.();
    this.compareGiven(given);
    this.compareGateway();
    this.same(
      "deliveries",
      this.expect.deliveries ?? (given instanceof ActionResult ? 1 : 0),
      this.deliveries,
    );
    this.unless(took <= (this.expect.at_most_seconds ?? Number.POSITIVE_INFINITY), `took ${took} s`);
    const shown =
      given instanceof Error ? [String(given), given.stack, inspect(given), JSON.stringify(given)] : [];
    if (client) {
      shown.push(...this.compareClient(client));
      await client.close({ timeoutMs: 2000 });
    }
    this.compareSecrets(shown);
    await this.gateway.close();
    return this.complaints.length === 0 ? [] : [`${this.spec.name}\n  ${this.complaints.join("\n  ")}`];
  }

  async call(client) {
    const onResult = () => this.deliver();
    const limit = this.spec.timeout === undefined ? {} : { timeoutMs: this.spec.timeout * 1000 };
    const options = { onResult, ...limit };
    const patient = { onResult, timeoutMs: PATIENCE_MS };
    const again = { ...this.request, correlation_id: `${this.request.correlation_id}-2` };
    switch (this.spec.call ?? "run") {
      case "run":
        return client.run(this.request, options);
      case "invoke":
        return client.invoke(this.request, limit);
      case "invoke_then_poll":
        return client.poll(await client.invoke(this.request, limit), patient);
      case "invoke_then_poll_token":
        return client.poll((await client.invoke(this.request, limit)).resumeToken, patient);
      case "run_then_poll_token":
        return client.run(this.request, options).catch((error) => client.poll(error.resumeToken, patient));
      case "run_twice":
        await client.run(this.request, options);
        this.deliveries = 0;
        return client.run(again, options);
      case "poll":
        return client.poll(this.spec.target, patient);
      case "describe":
        return client.describe(this.request.action_id);
      default:
        throw new Error(`no such call: ${this.spec.call}`);
    }
  }

  deliver() {
    this.deliveries += 1;
    if (this.spec.callback === "raises") throw new Error("the handler of the case");
  }

  compareGiven(given) {
    const kind = KINDS.find(([type]) => given instanceof type)?.[1] ?? "error";
    const wanted = this.expect[kind];
    if (!wanted) {
      this.complaints.push(`gave a ${kind}: ${inspect(given)}`);
      return;
    }
    for (const [field, value] of Object.entries(wanted)) {
      if (field === "resume_token") this.same(field, value, typeof given.resumeToken === "string");
      else if (field === "message_has")
        this.unless(given.message.includes(value), `the message is ${given.message}`);
      else if (field === "hint" || field === "message") this.same(field, wordsInNode(value), given[field]);
      else if (field === "paths")
        this.same(field, value.map(placeInNode).sort(), given.violations?.map(({ path }) => path).sort());
      else if (field === "cause") this.same(field, value, given.cause?.code ?? null);
      else if (field === "retry_after") this.same(field, value, given.retryAfterMs / 1000);
      else this.same(`${kind}.${field}`, exact(value), given[camel(field)]);
    }
  }

  compareGateway() {
    const count = (point) => this.gateway.requests.filter((seen) => seen.point === point).length;
    const id = this.request.correlation_id ?? "";
    const seen = {
      sends: count("invoke"),
      token_posts: count("token"),
      polls_seen: count("poll"),
      executions: this.gateway.executions(id),
    };
    for (const [field, value] of Object.entries(seen)) {
      if (field in this.expect) this.same(field, this.expect[field], value);
    }
    // What only a gateway of raw sockets counts.
    for (const [field, count] of Object.entries(this.gateway.counters ?? {})) {
      if (field in this.expect) this.same(field, this.expect[field], count);
      const most = this.expect[`${field}_at_most`] ?? Number.POSITIVE_INFINITY;
      this.unless(count <= most, `${field}: at most ${most}, saw ${count}`);
    }
    this.same("altered", 0, this.gateway.counters?.altered ?? 0);
    for (const each of [id, `${id}-2`])
      this.unless(this.gateway.executions(each) <= 1, `${each} was executed twice`);
  }

  /** Metrics and trail; returns the records, which have to be searched for secrets. */
  compareClient(client) {
    const metrics = client.metrics();
    for (const [field, value] of Object.entries(this.expect.metrics ?? {})) {
      this.same(`metrics.${field}`, value, metrics[camel(field)]);
    }
    const sum = ENDS.reduce((total, end) => total + metrics[end], 0);
    this.same("the sum of the ends", metrics.started, sum);
    this.same("metrics.in_flight", 0, metrics.inFlight);
    const records = [...client.audit.records()];
    if (this.expect.audit_events) {
      this.same(
        "audit_events",
        this.expect.audit_events,
        records.map(({ event }) => event),
      );
    }
    const verification = client.audit.verify();
    this.unless(verification.ok, `the trail does not verify: ${inspect(verification)}`);
    return records.map((record) => JSON.stringify(record));
  }

  compareSecrets(shown) {
    for (const { path } of this.gateway.requests)
      this.unless(!path.includes("secret"), `a secret is in the URL ${path}`);
    const values = Object.values(this.request.inputs ?? {}).filter(
      (value) => typeof value === "string" && value.length >= 6,
    );
    // What was taken out of a text left a sign of it.
    for (const text of shown.map((text) => text.replaceAll("Bearer …", "…"))) {
      for (const secret of [this.gateway.clientSecret, "Bearer ", "CANARY"])
        this.unless(!text.includes(secret), `a secret is in: ${text}`);
      this.unless(!values.some((value) => text.includes(value)), `an input value is in: ${text}`);
    }
  }

  unless(kept, complaint) {
    if (!kept) this.complaints.push(complaint);
  }

  same(what, wanted, seen) {
    const near = typeof wanted === "number" && typeof seen === "number" && Math.abs(wanted - seen) < 1e-9;
    this.unless(
      near || isDeepStrictEqual(wanted, seen),
      `${what}: wanted ${inspect(wanted)}, saw ${inspect(seen)}`,
    );
  }
}

/** Runs every case of a file, each against the gateway that `open` makes for it. */
export async function everyCase(file, atLeast, open) {
  const { defaults, cases } = vectors(file);
  assert.ok(cases.length >= atLeast, `only ${cases.length} cases`);
  const left = cases.values();
  const broken = [];
  const work = async () => {
    for (const spec of left) {
      broken.push(...(await new Case(defaults, spec, await open(defaults, spec)).run()));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.equal(broken.length, 0, `${broken.length} of ${cases.length} cases:\n\n${broken.join("\n\n")}`);
}
