/**
 * The errors. The core decides what went wrong and says it as data; here it gets a class and the caller's stack.
 *
 * Every one of them answers `executed`, the question that an integrator has to ask before calling again. None holds a
 * secret, a token, an input value or a URL's query; only what your own `token` function threw is kept as it was, as the
 * `cause` of the error that came of it, and is in no text of ours.
 */
import { inspectCustom } from "./inspect";

/** The closed set of what can go wrong; the same words in all three languages. */
export type ErrorKind =
  | "config"
  | "validation"
  | "denied"
  | "auth"
  | "forbidden"
  | "rejected"
  | "rate_limited"
  | "unavailable"
  | "overloaded"
  | "outcome_unknown"
  | "poll_timeout"
  | "protocol"
  | "action_failed"
  | "action_cancelled"
  | "audit"
  | "closed";

/** The kind as a code, one for each: `CXONE_OUTCOME_UNKNOWN`. */
export type ErrorCode = `CXONE_${Uppercase<ErrorKind>}`;

/** Whether the gateway executed the action: `"no"` means that calling again is safe. */
export type Executed = "no" | "unknown" | "yes";

/** One mistake in a request or in the options. */
export interface Violation {
  /** JSON pointer in wire names: `/inputs/amount`. For options, the option's name. */
  readonly path: string;
  /** A stable word: `type`, `non_finite`, `unknown_field`, … */
  readonly code: string;
  /** What is wrong there, and what would be right. */
  readonly message: string;
}

/** What an error carries besides its message; `null` where it does not apply. */
export interface ErrorFields {
  /** What went wrong. */
  readonly kind: ErrorKind;
  /** The stable code of the kind. */
  readonly code: ErrorCode;
  /** What to do now. */
  readonly hint: string | null;
  /** Whether the action was executed. */
  readonly executed: Executed;
  /** The HTTP status that decided it. */
  readonly httpStatus: number | null;
  /** The gateway's own error code, in its own words. */
  readonly gatewayCode: string | null;
  /** The gateway's identifier of the exchange, for a support ticket. */
  readonly requestId: string | null;
  /** How long the gateway asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | null;
  /** How often the POST was sent. */
  readonly attempts: number | null;
  /** The action, in canonical form. */
  readonly actionId: string | null;
  /** The logical invocation. */
  readonly correlationId: string | null;
  /** The gateway's id of the invocation, once it has accepted it. */
  readonly invocationId: string | null;
  /** What to hand to `poll` to go on waiting. */
  readonly resumeToken: string | null;
  /** The last status word that a poll saw. */
  readonly lastStatus: string | null;
  /** Every mistake at once, where the request or the options were at fault. */
  readonly violations: readonly Violation[] | null;
}

/**
 * What the system said, where I/O, the resolver or TLS decided: the `cause` of an error. `code` is what Node's own errors
 * call it: `ECONNREFUSED`, `ECONNRESET`, `ENOTFOUND`, `ETIMEDOUT`, `CERT_HAS_EXPIRED`, …
 */
export class SystemCause extends Error {
  /** As the system calls it. */
  declare readonly code: string;

  /** @internal */
  constructor({ code, message }: { readonly code: string; readonly message: string }) {
    super(message);
    // It happened in the core, where no line of JavaScript is.
    this.stack = `Error: ${message}`;
    Object.assign(this, { code });
  }
}

/** @internal The class and the usual answer of each kind. */
export const KINDS = new Map<string, { type: typeof CxoneError; kind: ErrorKind; executed: Executed }>();

/** Gives a class a name that survives bundlers and that is not printed as a property, and finds it by its kind. */
function define(type: typeof CxoneError, name: string, kind?: ErrorKind, executed: Executed = "no"): void {
  Object.defineProperty(type.prototype, "name", { value: name, configurable: true, writable: true });
  if (kind) KINDS.set(kind, { type, kind, executed });
}

/** The fields, in the order of the core. */
const FIELDS = [
  "kind",
  "code",
  "hint",
  "executed",
  "httpStatus",
  "gatewayCode",
  "requestId",
  "retryAfterMs",
  "attempts",
  "actionId",
  "correlationId",
  "invocationId",
  "resumeToken",
  "lastStatus",
  "violations",
] as const satisfies readonly (keyof ErrorFields)[];

/** Known to every copy of this library in the process, and in every realm of it. */
const OURS = Symbol.for("cxone-actions.error");

/** What every error of this library is. */
export class CxoneError extends Error implements ErrorFields {
  declare readonly kind: ErrorKind;
  declare readonly code: ErrorCode;
  declare readonly hint: string | null;
  declare readonly executed: Executed;
  declare readonly httpStatus: number | null;
  declare readonly gatewayCode: string | null;
  declare readonly requestId: string | null;
  declare readonly retryAfterMs: number | null;
  declare readonly attempts: number | null;
  declare readonly actionId: string | null;
  declare readonly correlationId: string | null;
  declare readonly invocationId: string | null;
  declare readonly resumeToken: string | null;
  declare readonly lastStatus: string | null;
  declare readonly violations: readonly Violation[] | null;
  /** A `SystemCause`, or what the `token` function threw; it is no field, and not in `toJSON()`. */
  declare readonly cause?: unknown;

  static {
    define(CxoneError, "CxoneError");
    Object.defineProperty(CxoneError.prototype, OURS, { value: true });
    // What does not apply is null, and no property of its own: an error that nobody catches is printed without it.
    for (const name of FIELDS) {
      Object.defineProperty(CxoneError.prototype, name, { value: null, configurable: true, writable: true });
    }
  }

  /** The library makes them; the constructor is open for the tests of those who handle them. */
  constructor(message: string, { cause, ...fields }: Partial<ErrorFields> & { cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    const known = [...KINDS.values()].find(({ type, kind }) =>
      fields.kind ? kind === fields.kind : this instanceof type,
    );
    const kind = fields.kind ?? known?.kind ?? "protocol";
    const all: Partial<ErrorFields> = {
      ...fields,
      kind,
      code: `CXONE_${kind.toUpperCase() as Uppercase<ErrorKind>}`,
      executed: fields.executed ?? known?.executed ?? "unknown",
    };
    const told = Object.entries(all).filter(([, value]) => value !== null && value !== undefined);
    Object.assign(this, Object.fromEntries(told));
  }

  /** The error as data: `name`, `message` and the fields. */
  toJSON(): { name: string; message: string } & ErrorFields {
    const fields = Object.fromEntries(FIELDS.map((name) => [name, this[name]])) as unknown as ErrorFields;
    return { name: this.name, message: this.message, ...fields };
  }

  /** @internal The stack, and the fields that apply. */
  [inspectCustom](
    _depth: number,
    options: object,
    inspect: (value: unknown, options: object) => string,
  ): string {
    const said: [string, unknown][] = Object.entries(this);
    // What a function of the caller's threw may say anything, and stays where it is.
    if (this.cause instanceof SystemCause) said.push(["cause", this.cause]);
    return `${this.stack ?? `${this.name}: ${this.message}`} ${inspect(Object.fromEntries(said), options)}`;
  }
}

/** Options that cannot work, found before any network; `violations` names all of them. */
export class ConfigError extends CxoneError {
  declare readonly kind: "config";
  declare readonly code: "CXONE_CONFIG";
  static {
    define(ConfigError, "ConfigError", "config");
  }
}

/** The request breaks the contract; `violations` names every mistake. Nothing was sent. */
export class ValidationError extends CxoneError {
  declare readonly kind: "validation";
  declare readonly code: "CXONE_VALIDATION";
  /** Every mistake at once. */
  declare readonly violations: readonly Violation[];
  static {
    define(ValidationError, "ValidationError", "validation");
  }
}

/** The policy refuses it. Nothing was sent. */
export class AccessDeniedError extends CxoneError {
  declare readonly kind: "denied";
  declare readonly code: "CXONE_DENIED";
  static {
    define(AccessDeniedError, "AccessDeniedError", "denied");
  }
}

/** The token service refuses the credentials, or the gateway answers 401 after one refresh. */
export class AuthenticationError extends CxoneError {
  declare readonly kind: "auth";
  declare readonly code: "CXONE_AUTH";
  static {
    define(AuthenticationError, "AuthenticationError", "auth");
  }
}

/** The gateway answers 403. */
export class PermissionDeniedError extends CxoneError {
  declare readonly kind: "forbidden";
  declare readonly code: "CXONE_FORBIDDEN";
  static {
    define(PermissionDeniedError, "PermissionDeniedError", "forbidden");
  }
}

/** Any other definite refusal by the gateway. */
export class RequestRejectedError extends CxoneError {
  declare readonly kind: "rejected";
  declare readonly code: "CXONE_REJECTED";
  static {
    define(RequestRejectedError, "RequestRejectedError", "rejected");
  }
}

/** 429 beyond the attempts or the patience. */
export class RateLimitedError extends CxoneError {
  declare readonly kind: "rate_limited";
  declare readonly code: "CXONE_RATE_LIMITED";
  static {
    define(RateLimitedError, "RateLimitedError", "rate_limited");
  }
}

/** Nothing was sent: DNS, refused, TLS, token service down. */
export class UnavailableError extends CxoneError {
  declare readonly kind: "unavailable";
  declare readonly code: "CXONE_UNAVAILABLE";
  static {
    define(UnavailableError, "UnavailableError", "unavailable");
  }
}

/** The local queue is full. Nothing was sent. */
export class OverloadedError extends CxoneError {
  declare readonly kind: "overloaded";
  declare readonly code: "CXONE_OVERLOADED";
  static {
    define(OverloadedError, "OverloadedError", "overloaded");
  }
}

/** Sent, and no trustworthy answer: calling again may execute it twice. */
export class OutcomeUnknownError extends CxoneError {
  declare readonly kind: "outcome_unknown";
  declare readonly code: "CXONE_OUTCOME_UNKNOWN";
  static {
    define(OutcomeUnknownError, "OutcomeUnknownError", "outcome_unknown", "unknown");
  }
}

/** The deadline passed while the action was running; `poll` of its `resumeToken` goes on waiting. */
export class PollTimeoutError extends CxoneError {
  declare readonly kind: "poll_timeout";
  declare readonly code: "CXONE_POLL_TIMEOUT";
  /** What to hand to `poll` to go on waiting. */
  declare readonly resumeToken: string;
  static {
    define(PollTimeoutError, "PollTimeoutError", "poll_timeout", "yes");
  }
}

/** The gateway's answers to polls cannot be understood. */
export class ProtocolError extends CxoneError {
  declare readonly kind: "protocol";
  declare readonly code: "CXONE_PROTOCOL";
  static {
    define(ProtocolError, "ProtocolError", "protocol", "yes");
  }
}

/** From `throwIfFailed()`: the action ended as `FAILED`. */
export class ActionFailedError extends CxoneError {
  declare readonly kind: "action_failed";
  declare readonly code: "CXONE_ACTION_FAILED";
  static {
    define(ActionFailedError, "ActionFailedError", "action_failed", "yes");
  }
}

/** From `throwIfFailed()`: the action ended as `CANCELLED`. */
export class ActionCancelledError extends CxoneError {
  declare readonly kind: "action_cancelled";
  declare readonly code: "CXONE_ACTION_CANCELLED";
  static {
    define(ActionCancelledError, "ActionCancelledError", "action_cancelled", "yes");
  }
}

/** The durable trail cannot be written: nothing is sent. */
export class AuditError extends CxoneError {
  declare readonly kind: "audit";
  declare readonly code: "CXONE_AUDIT";
  static {
    define(AuditError, "AuditError", "audit");
  }
}

/** The client was used after it was closed. */
export class ClosedError extends CxoneError {
  declare readonly kind: "closed";
  declare readonly code: "CXONE_CLOSED";
  static {
    define(ClosedError, "ClosedError", "closed");
  }
}

/** Every error that the library makes: its `kind` tells them apart, and so does `instanceof`. */
export type AnyCxoneError =
  | ConfigError
  | ValidationError
  | AccessDeniedError
  | AuthenticationError
  | PermissionDeniedError
  | RequestRejectedError
  | RateLimitedError
  | UnavailableError
  | OverloadedError
  | OutcomeUnknownError
  | PollTimeoutError
  | ProtocolError
  | ActionFailedError
  | ActionCancelledError
  | AuditError
  | ClosedError;

/**
 * Whether a value is an error of this library, also one of another copy of it, where `instanceof` says no: in a test
 * runner's realm, or with two versions in `node_modules`. `kind` then narrows it.
 */
export function isCxoneError(error: unknown): error is AnyCxoneError {
  return typeof error === "object" && error !== null && OURS in error;
}

/**
 * The wait was given up through an `AbortSignal`; `cause` is the signal's reason. It says nothing about the action:
 * what is on the wire is finished in the background and recorded.
 */
export class AbortError extends Error {
  /** As in Node's own errors of this name. */
  readonly code = "ABORT_ERR";
  static {
    Object.defineProperty(AbortError.prototype, "name", {
      value: "AbortError",
      configurable: true,
      writable: true,
    });
  }

  constructor(reason?: unknown) {
    super("the wait was aborted", { cause: reason });
  }
}
