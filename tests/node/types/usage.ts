// Compiled, never run: what a TypeScript user writes, and what the compiler must refuse.
import {
  type ActionRequest,
  ActionResult,
  type AuditRecord,
  type CheckpointFunction,
  Client,
  type ClientOptions,
  ConfigError,
  CxoneError,
  type Executed,
  type JsonValue,
  type Metrics,
  OutcomeUnknownError,
  PollTimeoutError,
  Sandbox,
  type TokenFunction,
  type Unfinished,
  type Verdict,
  type Verification,
  version,
} from "cxone-actions";

declare const signal: AbortSignal;

export async function uses(): Promise<string> {
  await using sandbox = new Sandbox({ seed: 1, actions: [{ id: "x", outcome: "FAILED" }] });
  const options: ClientOptions = {
    baseUrl: sandbox.baseUrl,
    clientId: sandbox.clientId,
    clientSecret: sandbox.clientSecret,
    timeoutMs: 1000,
    policy: {
      action: [
        { id: "x", inputs: { a: { type: "string", required: true } } },
        { id: "y", name: "why", rate: "10/60s", concurrency: 2, when: [{ zone: "UTC" }], inputs: "*" },
      ],
    },
  };
  const tokens: TokenFunction[] = [
    () => "token",
    async () => "token",
    () => ["token", 60_000],
    async (): Promise<[string, number]> => ["token", 60_000],
  ];
  for (const token of tokens) await new Client({ ...options, token }).close();
  // @ts-expect-error: what a function returns is a token.
  await new Client({ token: () => 7 }).close();
  await using client = new Client(options);
  const request: ActionRequest = { actionId: "x", inputs: { a: "1", b: 2, c: 3n, d: true, e: null } };
  const invocation = await client.invoke(request, { signal });
  const result = await client.poll(invocation, { timeoutMs: 5, signal, onResult: (given) => given.status });
  await client.poll("id");
  const outputs: JsonValue = result.outputs;
  const typed = await client.run<{ caseId: string }>(request, {
    onResult: async (given) => given.outputs.caseId,
  });
  const same: ActionResult<{ caseId: string }> = typed.throwIfFailed();
  for await (const { index, error, result } of client.runMany([request], { concurrency: 2 })) {
    if (error) console.log(index, error.kind);
    else console.log(result?.ok);
  }
  const metrics: Metrics = client.metrics();
  const rate: number | null = metrics.successRate;
  const unfinished: Unfinished[] = client.recover();
  const verdict: Verdict = client.check(request, { at: new Date() });
  const digest: string = client.reloadPolicy({ action: [] });
  const records: AuditRecord[] = [...client.audit.records({ since: new Date() })];
  const verification: Verification = client.audit.verify();
  client.audit.export("x", "csv");
  client.audit.export(new URL("file:///x"), "csv");
  const note: CheckpointFunction = async ({ seq, hash }) => console.log(seq, hash);
  await new Client({ ...options, audit: "x", auditCheckpoints: note }).close();
  sandbox.inject("invoke", { status: 429, retryAfter: 2 }, 3);
  return [
    same.outputs.caseId,
    outputs,
    rate,
    unfinished.length,
    records.length,
    verification.ok,
    verdict.opensAt?.getTime(),
    digest,
    version,
  ].join();
}

export function handles(error: unknown): Executed | "other" {
  if (error instanceof PollTimeoutError) return error.resumeToken ? "yes" : "unknown";
  if (error instanceof OutcomeUnknownError) return error.executed;
  if (error instanceof ConfigError) return error.violations?.[0]?.path ? "no" : "unknown";
  if (error instanceof CxoneError) {
    const kind: "auth" | string = error.kind;
    return kind === "auth" ? "no" : error.executed;
  }
  return "other";
}

export function misuses(client: Client): void {
  // @ts-expect-error an unknown option
  new Client({ baseURL: "x" });
  // @ts-expect-error milliseconds have their unit in the name
  new Client({ timeout: 1 });
  // @ts-expect-error a date is no input
  client.run({ actionId: "x", inputs: { a: new Date() } });
  // @ts-expect-error undefined is no input
  client.run({ actionId: "x", inputs: { a: undefined } });
  // @ts-expect-error an action is needed
  client.run({ inputs: {} });
  // @ts-expect-error an unknown field of a request
  client.run({ actionId: "x", callbackURL: "y" });
  // @ts-expect-error results are made by the library
  new ActionResult();
  // @ts-expect-error a window has a zone
  client.reloadPolicy({ action: [{ id: "x", when: [{ from: "08:00" }] }] });
  // @ts-expect-error results are read-only
  client.run({ actionId: "x" }).then((result) => (result.ok = true));
}
