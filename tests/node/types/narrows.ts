// Compiled, never run: what the compiler knows once a user has asked.
import {
  ActionResult,
  type AnyCxoneError,
  type Client,
  type ErrorKind,
  isCxoneError,
  Outcome,
} from "cxone-actions";

interface CaseOutputs {
  readonly caseId: string;
}

/** Fails to compile where `Actual` is not exactly `Expected`. */
type Exactly<Expected, Actual> = [Expected] extends [Actual]
  ? [Actual] extends [Expected]
    ? Actual
    : never
  : never;
function exactly<Expected>() {
  return function of<Actual>(value: Exactly<Expected, Actual>): void {
    void value;
  };
}

export async function aResultByItsStatus(client: Client): Promise<void> {
  const result = await client.run<CaseOutputs>({ actionId: "x" });
  if (result.ok) {
    exactly<"COMPLETED">()(result.status);
    exactly<string>()(result.outputs.caseId);
  } else {
    exactly<"FAILED" | "CANCELLED">()(result.status);
    exactly<CaseOutputs | null>()(result.outputs);
  }
  if (result.status === "COMPLETED") exactly<true>()(result.ok);
  switch (result.status) {
    case "COMPLETED":
      exactly<string>()(result.outputs.caseId);
      break;
    case "FAILED":
    case "CANCELLED":
      exactly<never>()(result.throwIfFailed());
      break;
    default:
      exactly<never>()(result);
  }
  const { outputs } = result.throwIfFailed();
  exactly<string>()(outputs.caseId);
}

export async function anOutcomeByItsError(client: Client): Promise<void> {
  for await (const { error, result, index } of client.runMany<CaseOutputs>([{ actionId: "x" }])) {
    exactly<number>()(index);
    if (error) {
      exactly<AnyCxoneError>()(error);
      exactly<null>()(result);
    } else if (result.ok) {
      exactly<string>()(result.outputs.caseId);
    }
  }
  for await (const outcome of client.runMany<CaseOutputs>([{ actionId: "x" }])) {
    if (outcome.result === null) exactly<AnyCxoneError>()(outcome.error);
    exactly<ActionResult<CaseOutputs>>()(outcome.unwrap());
  }
}

export async function whatWasLeftByItsState(client: Client): Promise<void> {
  for (const left of client.recover()) {
    exactly<string>()(left.correlationId);
    if (left.state !== "accepted") exactly<null>()(left.resumeToken);
    else if (left.resumeToken !== null) await client.poll(left.resumeToken);
  }
}

export function anErrorByItsKind(error: unknown): string {
  if (!isCxoneError(error)) return "another";
  exactly<ErrorKind>()(error.kind);
  switch (error.kind) {
    case "validation":
      exactly<"CXONE_VALIDATION">()(error.code);
      return error.violations.map(({ path, message }) => `${path}: ${message}`).join();
    case "poll_timeout":
      return error.resumeToken;
    default:
      return error.code === "CXONE_RATE_LIMITED" ? `in ${error.retryAfterMs} ms` : (error.hint ?? "");
  }
}

export function anythingByItsClass(value: unknown): boolean {
  if (value instanceof ActionResult) return value.ok;
  if (value instanceof Outcome) return value.error === null;
  return false;
}
