// Compiled, never run: what a TypeScript user writes.
import type { IncomingHttpHeaders } from "node:http";
import {
  type ActionRequest,
  type ActionResult,
  type AuditRecord,
  type CallbackHeaders,
  type CallbackListener,
  type Checkpoint,
  type CheckpointFunction,
  Client,
  type ClientOptions,
  ConfigError,
  CxoneError,
  type ErrorCode,
  type Executed,
  type JsonValue,
  type LogRecord,
  type Metrics,
  type Outcome,
  OutcomeUnknownError,
  PollTimeoutError,
  Sandbox,
  type TokenFunction,
  type TrailEvent,
  type Unfinished,
  type Verdict,
  type Verification,
  version,
} from "cxone-actions";

declare const signal: AbortSignal;

interface CaseInputs {
  customerId: string;
  priority?: number;
  tags: string[];
  address: { readonly street: string; readonly floor?: number | null };
}

interface CaseOutputs {
  caseId: string;
  queue: "support" | "priority-support";
}

declare const inputs: CaseInputs;

export async function uses(): Promise<string> {
  await using sandbox = new Sandbox({ seed: 1, actions: [{ id: "x", outcome: "FAILED" }] });
  const options: ClientOptions = {
    ...sandbox.options,
    timeoutMs: 1000,
    policy: {
      action: [
        { id: "x", inputs: { a: { type: "string", required: true } } },
        { id: "y", name: "why", rate: "10/60s", concurrency: 2, when: [{ zone: "UTC" }], inputs: "*" },
      ],
    },
  };
  const environ: Record<string, string | undefined> = { ...process.env, ...sandbox.environ };
  const tokens: TokenFunction[] = [
    () => "token",
    async () => "token",
    ({ signal }) => fetch("https://vault.example/token", { signal }).then((answer) => answer.text()),
    async () => ({ token: "token", expiresInMs: 60_000 }),
    () => ["token", 60_000],
    async (): Promise<[string, number]> => ["token", 60_000],
  ];
  for (const token of tokens) await new Client({ ...options, token }).close();
  await using client = new Client(options);
  const request: ActionRequest = {
    actionId: "x",
    inputs: { a: "1", b: 2, c: 3n, d: true, e: null, f: [1, [2]] },
  };
  const invocation = await client.invoke(request, { signal });
  const result: ActionResult = await client.poll(invocation, {
    timeoutMs: 5,
    signal,
    onResult: (given) => given.status,
  });
  await client.poll("id");
  const queue: JsonValue | undefined = result.outputs?.queue;
  const metrics: Metrics = client.metrics();
  const rate: number | null = metrics.successRate;
  const unfinished: Unfinished[] = client.recover();
  const verdict: Verdict = client.check(request, { at: new Date() });
  const digest: string = client.reloadPolicy({ action: [] });
  const event: TrailEvent = "sending";
  const records: AuditRecord[] = [...client.audit.records({ since: new Date(), event })];
  const verification: Verification = client.audit.verify();
  client.audit.export("x", "csv");
  client.audit.export(new URL("file:///x"), "csv");
  const note: CheckpointFunction = async ({ seq, hash }: Checkpoint) => console.log(seq, hash);
  await new Client({ ...options, audit: "x", auditCheckpoints: note }).close();
  sandbox.inject("invoke", { status: 429, retryAfterMs: 2000 }, 3);
  sandbox.inject("poll", { delayMs: 20 });
  const said = (record: unknown) => console.log((record as LogRecord).text);
  said(undefined);
  return [queue, rate, unfinished.length, records.length, verification.ok, verdict.opensAt?.getTime()]
    .concat(digest, version, environ.CXONE_BASE_URL)
    .join();
}

/** Inputs and outputs of the caller's own types, interfaces among them. */
export async function ownTypes(
  client: Client,
  rows: AsyncIterable<CaseInputs>,
  body: JsonValue,
): Promise<void> {
  const open: ActionResult = await client.run({ actionId: "x", inputs });
  const typed: ActionResult<CaseOutputs> = await client.run<CaseOutputs>(
    { actionId: "x", inputs },
    { onResult: async (given) => given.ok && given.outputs.caseId },
  );
  await client.run<CaseOutputs, CaseInputs>({ actionId: "x", inputs, correlationId: null });
  await client.invoke({ actionId: "x", inputs });
  client.check({ actionId: "x", inputs, callbackUrl: undefined });
  // What one action puts out is put into another.
  await client.run({ actionId: "y", inputs: { earlier: open.outputs?.caseId ?? null, body } });
  await client.run({ actionId: "x" });
  await client.run({ actionId: "x", inputs: {} });
  await client.run({ actionId: "x", inputs: null });

  // Requests: a list, one made of promises, an iterator, one that reads as it goes, and a list of unlike inputs.
  const about = (inputs: CaseInputs) => ({ actionId: "x", inputs });
  async function* read() {
    for await (const row of rows) yield about(row);
  }
  const outcomes: AsyncGenerator<Outcome<CaseOutputs>>[] = [
    client.runMany<CaseOutputs>([about(inputs)], { concurrency: 2, signal, timeoutMs: 5 }),
    client.runMany<CaseOutputs>([Promise.resolve(about(inputs))]),
    client.runMany<CaseOutputs>(new Set([about(inputs)]).values()),
    client.runMany<CaseOutputs>(read()),
  ];
  for await (const { request, result } of client.runMany([about(inputs)])) {
    const customer: string | undefined = request.inputs?.customerId;
    console.log(customer, result?.outputs?.queue);
  }
  client.runMany([
    { actionId: "x", inputs: { a: 1 } },
    { actionId: "y", inputs: { b: "2" } },
  ]);
  // Inputs of one of several shapes, and requests that were collected before.
  const either = inputs as CaseInputs | { caseId: string };
  await client.run({ actionId: "x", inputs: either });
  await client.invoke({ actionId: "x", inputs: either });
  client.check({ actionId: "x", inputs: either });
  const collected: ActionRequest<CaseInputs>[] = [{ actionId: "x", inputs }];
  client.runMany<CaseOutputs, CaseInputs>(collected);
  client.runMany(collected);
  await using listener: CallbackListener = await client.listenCallbacks({ host: "127.0.0.1", port: 0 });
  client.expectCallbacks("https://hooks.example.com/cxone");
  const forms: CallbackHeaders[] = [
    { "webhook-id": "x", accept: ["a", "b"], nothing: undefined },
    [["a", "b"]],
    new Map([["a", "b"]]),
    new Headers(),
    Object.fromEntries([]) as IncomingHttpHeaders,
  ];
  const heard: boolean[] = forms.map((headers) => client.notify("/a", headers, new Uint8Array()));
  console.log(listener.url, listener.port, heard, client.notify("/a", {}, Buffer.from("{}")));
  console.log(typed.throwIfFailed().outputs.caseId, outcomes.length);
}

/** What a test of the caller's puts in the place of a client. */
export const double: Pick<Client, "run"> = {
  run: () => Promise.reject(new PollTimeoutError("still running", { resumeToken: "x" })),
};

export function handles(error: unknown): Executed | "other" {
  if (error instanceof PollTimeoutError) return error.resumeToken.length > 0 ? "yes" : "unknown";
  if (error instanceof OutcomeUnknownError) return error.executed;
  if (error instanceof ConfigError) return error.violations?.[0]?.path ? "no" : "unknown";
  if (error instanceof CxoneError) {
    const code: ErrorCode = error.code;
    return code === "CXONE_AUTH" || error.kind === "auth" ? "no" : error.executed;
  }
  return "other";
}
