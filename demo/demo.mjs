// The whole sentence from Node: may I send this, send it once, learn what became of it, and be able to prove it.
//
// Needs no account: the gateway is the embedded sandbox. With a real one, the client is made with its `baseUrl` and
// your credentials, and nothing else changes.

import { AccessDeniedError, Client, Sandbox, ValidationError, version } from "cxone-actions";

const ACTION = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const INPUTS = { customerId: "CUST-998877", orderReference: "ORD-2023-1122", priority: 1 };

// What may be called, and with what. An action or an input that is not listed is refused.
const POLICY = {
  action: [
    {
      id: ACTION,
      name: "create-case",
      inputs: {
        customerId: { type: "string", required: true, max_length: 64 },
        orderReference: { type: "string", pattern: "^ORD-[0-9]{4}-[0-9]{4}$" },
        priority: { type: "integer", minimum: 1, maximum: 5 },
      },
    },
  ],
};

async function main() {
  const delivered = [];
  const sandbox = new Sandbox();
  title(`cxone-actions ${version} from Node ${process.versions.node}`);
  print(`  gateway      ${sandbox.baseUrl} (the embedded sandbox)`);
  print(`  allow-list   create-case with ${Object.keys(INPUTS).join(", ")}`);

  const client = new Client({
    baseUrl: sandbox.baseUrl,
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
    policy: POLICY,
  });
  const result = await client.run(
    { actionId: ACTION, inputs: INPUTS, correlationId: "corr-001" },
    { onResult: (terminal) => delivered.push(terminal) },
  );
  const metrics = client.metrics();
  showResult(result, delivered.length);
  showTrail([...client.audit.records()]);
  const proof = client.audit.verify();
  print(`  ${proof.records} records, ${proof.ok ? "the chain verifies" : "THE CHAIN IS BROKEN"}`);
  showMetrics(metrics);
  const before = sandbox.requests.length;
  const refused = await showRefusals(client);
  const leaked = sandbox.requests.length - before;
  print(`  the gateway saw ${leaked} of them; recorded as ${refused.join(", ")}`);
  await client.close();
  const executed = sandbox.executions("corr-001");
  await sandbox.close();

  const good =
    result.status === "COMPLETED" &&
    metrics.successRate === 1 &&
    metrics.started === 1 &&
    delivered.length === 1 &&
    executed === 1 &&
    proof.ok &&
    refused.join() === "denied,denied,invalid" &&
    leaked === 0;
  const verdict = good ? paint("32", "ok") : paint("31", "NOT OK");
  print(`\n${verdict}: executed ${times(executed)}, delivered ${times(delivered.length)}\n`);
  return good ? 0 : 1;
}

/** What is not allowed, or not well formed, is refused before a connection is opened. Gives what was recorded. */
async function showRefusals(client) {
  title("Refused, and never sent");
  const first = [...client.audit.records()].length;
  const attempts = [
    { ...INPUTS, priority: 9 },
    { ...INPUTS, discount: 100 },
    { ...INPUTS, customerId: ["CUST-998877"] },
  ];
  for (const inputs of attempts) {
    try {
      await client.run({ actionId: ACTION, inputs });
    } catch (error) {
      if (!(error instanceof AccessDeniedError || error instanceof ValidationError)) throw error;
      for (const violation of error.violations ?? []) {
        print(`  ${error.kind.padEnd(12)}${violation.path.padEnd(21)}${violation.message}`);
      }
    }
  }
  return [...client.audit.records()].slice(first).map((record) => record.event);
}

function showResult(result, deliveries) {
  title("Result");
  const rows = [
    ["status", paint(result.ok ? "32" : "31", result.status)],
    ["correlation", result.correlationId],
    ["invocation", result.invocationId],
    ["sent", times(result.attempts)],
    ["polled", times(result.polls)],
    ["callback", times(deliveries)],
    ...Object.entries(result.outputs ?? {}).map(([key, value]) => [`outputs.${key}`, value]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) print(`  ${name.padEnd(width)}  ${value}`);
}

function showTrail(records) {
  title("Audit trail");
  const keys = ["seq", "ts", "event", "attempt", "http_status", "status", "input_keys", "hash"];
  const names = ["seq", "time", "event", "attempt", "http", "status", "input keys", "hash"];
  table(
    names,
    records.map((record) => keys.map((key) => short(key, record[key]))),
  );
}

function showMetrics(metrics) {
  title("Metrics");
  const counts = [
    "started",
    "completed",
    "failed",
    "cancelled",
    "rejected",
    "aborted",
    "unknown",
    "detached",
  ];
  print(`  ${counts.map((name) => `${name} ${metrics[name]}`).join("  ")}`);
  print(`  success rate ${metrics.successRate.toFixed(1)}\n`);
  const series = { "accepted after": metrics.invokeLatency, "finished after": metrics.duration };
  const rows = Object.entries(series).map(([name, s]) => [
    name,
    String(s.count),
    ...[s.meanMs, s.p50Ms, s.p90Ms, s.p95Ms, s.p99Ms, s.maxMs].map(milliseconds),
  ]);
  table(["", "count", "mean", "p50", "p90", "p95", "p99", "max"], rows);
}

// ── how it looks ──

function print(text) {
  process.stdout.write(`${text}\n`);
}

function title(text) {
  print(`\n${paint("1", text)}`);
}

function table(names, rows) {
  const lines = [names, ...rows];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  lines.forEach((line, number) => {
    const text = line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join("  ")
      .trimEnd();
    print(`  ${number === 0 ? paint("2", text) : text}`);
  });
}

function short(key, value) {
  if (value === undefined || value === null) return "-";
  if (key === "ts") return String(value).slice(11, 23);
  if (key === "hash") return String(value).slice(0, 8);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function times(count) {
  return count === 1 ? `${count} time` : `${count} times`;
}

function milliseconds(value) {
  return value === null || value === undefined ? "-" : `${value.toFixed(1)} ms`;
}

function paint(code, text) {
  const plain = !process.stdout.isTTY || "NO_COLOR" in process.env;
  return plain ? text : `\x1b[${code}m${text}\x1b[0m`;
}

process.exitCode = await main();
