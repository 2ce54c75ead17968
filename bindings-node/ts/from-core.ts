/** What the core says of an error, as an instance of a class, with the line of the caller. */
import { decode } from "./decode";
import { CxoneError, type ErrorKind, type Executed, KINDS, SystemCause, type Violation } from "./errors";
import { thrownFor } from "./tokens";

/** The line of the caller, taken when a call starts: when its answer comes, nobody is on the stack any more. */
export interface Site {
  readonly stack?: string;
}

/** Captures where `method` was called from. The text is only made when somebody asks for it. */
export function siteOf(method: CallableFunction | NewableFunction): Site {
  const site: Site = {};
  Error.captureStackTrace(site, method);
  return site;
}

/** Lets an error point at the caller. */
export function at<E extends Error>(error: E, site: Site): E {
  const { stack } = site;
  if (typeof stack === "string") {
    const frames = stack.indexOf("\n");
    error.stack = `${error.name}: ${error.message}${frames < 0 ? "" : stack.slice(frames)}`;
  } else if (stack !== undefined) {
    // A program's own `Error.prepareStackTrace` makes of the frames what it wants.
    error.stack = stack;
  }
  return error;
}

/** Lets what `work` throws point at the caller. */
export function placed<T>(site: Site, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Error ? at(error, site) : error;
  }
}

/** An error as the core says it. */
export interface CoreError {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint: string | null;
  readonly executed: Executed;
  readonly http_status: number | null;
  readonly gateway_code: string | null;
  readonly request_id: string | null;
  /** Seconds. */
  readonly retry_after: number | null;
  readonly attempts: number | null;
  readonly action_id: string | null;
  readonly correlation_id: string | null;
  readonly invocation_id: string | null;
  readonly resume_token: string | null;
  readonly last_status: string | null;
  readonly violations: readonly Violation[] | null;
  readonly cause?: { readonly code: string; readonly message: string };
  /** What a function for tokens threw, by the numbers that find it. */
  readonly raised_by?: { readonly client: number; readonly request: number };
}

/** What the core says, as an instance of the class that its kind stands for. */
export function fromCore(said: CoreError): CxoneError {
  const type = KINDS.get(said.kind)?.type ?? CxoneError;
  return new type(said.message, {
    kind: said.kind,
    hint: said.hint,
    executed: said.executed,
    httpStatus: said.http_status,
    gatewayCode: said.gateway_code,
    requestId: said.request_id,
    retryAfterMs: said.retry_after === null ? null : said.retry_after * 1000,
    attempts: said.attempts,
    actionId: said.action_id,
    correlationId: said.correlation_id,
    invocationId: said.invocation_id,
    resumeToken: said.resume_token,
    lastStatus: said.last_status,
    violations: said.violations,
    cause: causeOf(said),
  });
}

function causeOf({ cause, raised_by }: CoreError): unknown {
  if (raised_by) return thrownFor(raised_by.client, raised_by.request);
  return cause && new SystemCause(cause);
}

/** The error in the text that a native function gives instead of what it was asked for. */
export function refusal(text: string): CxoneError {
  return fromCore(JSON.parse(text) as CoreError);
}

/** The value of a tagged text, or its error thrown at the caller of `method`. */
export function unwrap<T>(tagged: string, method: CallableFunction): T {
  const answer = decode(tagged) as unknown as { value: T } | { error: CoreError };
  if ("error" in answer) throw at(fromCore(answer.error), siteOf(method));
  return answer.value;
}
