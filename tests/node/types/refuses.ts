// Compiled, never run: what the compiler must refuse. A line that it takes is an error of its own.
import {
  ActionResult,
  type AuditFilter,
  AuditTrail,
  CallbackListener,
  Client,
  Invocation,
  Metrics,
  Outcome,
  Sandbox,
  Verification,
} from "cxone-actions";

interface Dated {
  readonly when: { readonly at: Date };
}

export function options(): void {
  // @ts-expect-error an unknown option
  new Client({ baseURL: "x" });
  // @ts-expect-error milliseconds have their unit in the name
  new Client({ timeout: 1 });
  // @ts-expect-error what a function returns is a token
  new Client({ token: () => 7 });
  // @ts-expect-error a word that is none of those
  new Client({ delivery: "exactly_once" });
  // @ts-expect-error a window has a zone
  new Client({ policy: { action: [{ id: "x", when: [{ from: "08:00" }] }] } });
  // @ts-expect-error an unknown fault
  new Sandbox().inject("invoke", { stauts: 500 });
}

export function requests(client: Client, dated: Dated, unknown: Record<string, unknown>): void {
  // @ts-expect-error a date is no input
  client.run({ actionId: "x", inputs: { a: new Date() } });
  // @ts-expect-error undefined is no input
  client.run({ actionId: "x", inputs: { a: undefined } });
  // @ts-expect-error a function is no input
  client.run({ actionId: "x", inputs: { a: () => 1 } });
  // @ts-expect-error a symbol is no input
  client.invoke({ actionId: "x", inputs: { a: Symbol.iterator } });
  // @ts-expect-error a date is no input, however deep
  client.check({ actionId: "x", inputs: dated });
  // @ts-expect-error nobody knows what these are
  client.run({ actionId: "x", inputs: unknown });
  // @ts-expect-error inputs have names
  client.run({ actionId: "x", inputs: ["a"] });
  // @ts-expect-error a map is no plain object
  client.run({ actionId: "x", inputs: new Map([["a", 1]]) });
  // @ts-expect-error an action is needed
  client.run({ inputs: {} });
  // @ts-expect-error an unknown field of a request
  client.run({ actionId: "x", callbackURL: "y" });
  // @ts-expect-error an id alone is no request
  client.run("x", { a: 1 });
  // @ts-expect-error nor is it in a list
  client.runMany(["x"]);
  // @ts-expect-error a date is no input in a list either
  client.runMany([{ actionId: "x", inputs: { a: new Date() } }]);
  // @ts-expect-error an option of another call
  client.invoke({ actionId: "x" }, { onResult: () => {} });
}

export async function results(client: Client): Promise<void> {
  const result = await client.run<{ caseId: string }>({ actionId: "x" });
  // @ts-expect-error results are read-only
  result.ok = true;
  // @ts-expect-error a failed one may have none
  result.outputs.caseId;
  // @ts-expect-error an unknown output
  result.throwIfFailed().outputs.queue;
  // @ts-expect-error a word that is none of those
  if (result.status === "DONE") return;
  for await (const outcome of client.runMany([{ actionId: "x" }])) {
    // @ts-expect-error there may be none
    outcome.result.ok;
    // @ts-expect-error there may be none
    outcome.error.kind;
  }
  // @ts-expect-error a signature is over the bytes
  client.notify("/a", {}, { status: "COMPLETED" });
  // @ts-expect-error headers are text
  client.notify("/a", { "content-length": 7 }, "");
  // @ts-expect-error a port is a number
  await client.listenCallbacks({ port: "80" });
  const [left] = client.recover();
  // @ts-expect-error there may be none
  if (left) await client.poll(left.resumeToken);
  // @ts-expect-error a word that is none of those
  const filter: AuditFilter = { event: "startd" };
  client.audit.records(filter);
}

export function constructors(): void {
  // @ts-expect-error the library makes them
  new ActionResult();
  // @ts-expect-error the library makes them
  new Outcome(0, { actionId: "x" }, null, null);
  // @ts-expect-error the library makes them
  new Verification(true, 1, 1, 0, 0, 0, 0, []);
  // @ts-expect-error a client has one
  new AuditTrail();
  // @ts-expect-error the library makes them
  new Invocation("{}");
  // @ts-expect-error the library makes them
  new Metrics();
  // @ts-expect-error a client opens them
  new CallbackListener();
}
