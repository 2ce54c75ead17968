/** What comes back: plain read-only data with the names of the documentation, made from what the core says. */
import { decode, type JsonValue, printable } from "./decode";
import type { CxoneError, Violation } from "./errors";
import { at, type CoreError, fromCore, refusal, siteOf } from "./from-core";
import { native } from "./native";

interface CoreInvocation {
  readonly invocation_id: string | null;
  readonly action_id: string;
  readonly correlation_id: string;
  readonly status: string;
  readonly invoke_latency_ms: number;
  readonly attempts: number;
  readonly resume_token: string | null;
  readonly raw: JsonValue;
}

/** An accepted invocation: what `invoke` returns and `poll` takes. */
export class Invocation {
  /** The gateway's id; `null` where the gateway gives none. */
  readonly invocationId: string | null;
  /** The action, in canonical form. */
  readonly actionId: string;
  /** The logical invocation; made by the library where the caller gave none. */
  readonly correlationId: string;
  /** The status word of the gateway's answer, as it was sent. */
  readonly status: string;
  /** From the call to the gateway's acceptance, in milliseconds, waits included. */
  readonly invokeLatencyMs: number;
  /** How often the POST was sent. */
  readonly attempts: number;
  /** Hand it to `poll`, from this process or another, now or tomorrow. Holds ids, never a URL. */
  readonly resumeToken: string | null;
  /** The gateway's answer. */
  readonly raw: JsonValue;
  /** What the core said, byte for byte: `poll` gives it back. */
  readonly #text: string;

  private constructor(text: string) {
    const said = decode(text) as unknown as CoreInvocation;
    this.#text = text;
    this.invocationId = said.invocation_id;
    this.actionId = said.action_id;
    this.correlationId = said.correlation_id;
    this.status = said.status;
    this.invokeLatencyMs = said.invoke_latency_ms;
    this.attempts = said.attempts;
    this.resumeToken = said.resume_token;
    this.raw = said.raw;
  }

  /** @internal */
  static read(text: string): Invocation {
    return new Invocation(text);
  }

  /** @internal The text that the core gave, where it is one of ours. */
  static textOf(value: object): string | undefined {
    return #text in value ? (value as Invocation).#text : undefined;
  }

  /** The fields; a `bigint` becomes its decimal digits. */
  toJSON(): unknown {
    return printable({ ...this });
  }
}

/** How an invocation ended. `"FAILED"` and `"CANCELLED"` are results, not errors. */
export type Status = "COMPLETED" | "FAILED" | "CANCELLED";

/** Outputs by name, where the caller says nothing more precise of them. */
export interface OutputMap {
  readonly [name: string]: JsonValue;
}

/** What every terminal result says, however it ended. */
export interface ResultFields {
  /** The gateway's id; `null` where the gateway gives none. */
  readonly invocationId: string | null;
  /** The action; `null` when only a bare invocation id was polled. */
  readonly actionId: string | null;
  /** The logical invocation; `null` when only a bare invocation id was polled. */
  readonly correlationId: string | null;
  /** Why it failed, in the gateway's words; `null` where it gives none. */
  readonly errorMessage: string | null;
  /** From the call to the gateway's acceptance, in milliseconds; `null` when the acceptance was not seen. */
  readonly invokeLatencyMs: number | null;
  /** From the call to the terminal state, in milliseconds. */
  readonly durationMs: number;
  /** How often the POST was sent; 0 when the acceptance was not seen. */
  readonly attempts: number;
  /** How often the gateway was asked for the state. */
  readonly polls: number;
  /** The gateway's last answer. */
  readonly raw: JsonValue;
  /** The fields; a `bigint` becomes its decimal digits. */
  toJSON(): unknown;
}

/** A result that completed. */
export interface CompletedResult<Outputs = OutputMap> extends ResultFields {
  /** How it ended. */
  readonly status: "COMPLETED";
  /** Whether it ended as `"COMPLETED"`. */
  readonly ok: true;
  /**
   * The outputs as the gateway sent them, integers beyond ±(2^53−1) as `bigint`. They are `Outputs` on the caller's word:
   * nothing checks their shape, and an action that completes without any has `null` here.
   */
  readonly outputs: Outputs;
  /** The result itself. */
  throwIfFailed(): CompletedResult<Outputs>;
}

/** A result that failed. The action was executed, as far as it came. */
export interface FailedResult<Outputs = OutputMap> extends ResultFields {
  /** How it ended. */
  readonly status: "FAILED";
  /** Whether it ended as `"COMPLETED"`. */
  readonly ok: false;
  /** The outputs, where the gateway sent any all the same. */
  readonly outputs: Outputs | null;
  /** @throws {ActionFailedError} with the gateway's words and the ids */
  throwIfFailed(): never;
}

/** A result that was cancelled, by somebody else than the caller. */
export interface CancelledResult<Outputs = OutputMap> extends ResultFields {
  /** How it ended. */
  readonly status: "CANCELLED";
  /** Whether it ended as `"COMPLETED"`. */
  readonly ok: false;
  /** The outputs, where the gateway sent any all the same. */
  readonly outputs: Outputs | null;
  /** @throws {ActionCancelledError} with the gateway's words and the ids */
  throwIfFailed(): never;
}

/**
 * The terminal result of an invocation. `ok` and `status` tell the three apart: where `ok` is true, `outputs` is there;
 * and `throwIfFailed()` returns a result that completed, or throws.
 */
export type ActionResult<Outputs = OutputMap> =
  | CompletedResult<Outputs>
  | FailedResult<Outputs>
  | CancelledResult<Outputs>;

const Result = class ActionResult {
  constructor(
    readonly invocationId: string | null,
    readonly actionId: string | null,
    readonly correlationId: string | null,
    readonly status: Status,
    readonly ok: boolean,
    readonly outputs: JsonValue,
    readonly errorMessage: string | null,
    readonly invokeLatencyMs: number | null,
    readonly durationMs: number,
    readonly attempts: number,
    readonly polls: number,
    readonly raw: JsonValue,
  ) {}

  throwIfFailed(): this {
    if (this.ok) return this;
    const error = native.statusError(
      JSON.stringify({
        invocation_id: this.invocationId,
        action_id: this.actionId,
        correlation_id: this.correlationId,
        status: this.status,
        error_message: this.errorMessage,
        attempts: this.attempts,
      }),
    );
    if (error === null) return this;
    throw at(refusal(error), siteOf(this.throwIfFailed));
  }

  toJSON(): unknown {
    return printable({ ...this });
  }
};

/** What can be asked of results; the library alone makes them. */
export const ActionResult: {
  /** What results inherit. */
  readonly prototype: ActionResult<unknown>;
  /** Whether a value is a result. */
  [Symbol.hasInstance](value: unknown): value is ActionResult<unknown>;
} = Result as never;

/** @internal So many values the core writes of a result among others, the number of its call first. */
export const RESULT_VALUES = 13;

/** @internal The result whose values begin there. */
export function resultOf<Outputs>(values: readonly unknown[], first: number): ActionResult<Outputs> {
  return new Result(
    values[first] as string | null,
    values[first + 1] as string | null,
    values[first + 2] as string | null,
    values[first + 3] as Status,
    values[first + 4] as boolean,
    values[first + 5] as JsonValue,
    values[first + 6] as string | null,
    values[first + 7] as number | null,
    values[first + 8] as number,
    values[first + 9] as number,
    values[first + 10] as number,
    values[first + 11] as JsonValue,
  ) as unknown as ActionResult<Outputs>;
}

interface CoreResult {
  readonly invocation_id: string | null;
  readonly action_id: string | null;
  readonly correlation_id: string | null;
  readonly status: Status;
  readonly ok: boolean;
  readonly outputs: JsonValue;
  readonly error_message: string | null;
  readonly invoke_latency_ms: number | null;
  readonly duration_ms: number;
  readonly attempts: number;
  readonly polls: number;
  readonly raw: JsonValue;
}

/** @internal The result that the core said alone. */
export function readResult<Outputs>(text: string): ActionResult<Outputs> {
  const said = decode(text) as unknown as CoreResult;
  return new Result(
    said.invocation_id,
    said.action_id,
    said.correlation_id,
    said.status,
    said.ok,
    said.outputs,
    said.error_message,
    said.invoke_latency_ms,
    said.duration_ms,
    said.attempts,
    said.polls,
    said.raw,
  ) as unknown as ActionResult<Outputs>;
}

interface CoreDescription {
  readonly action_id: string;
  readonly name: string | null;
  readonly input_schema: JsonValue;
  readonly output_schema: JsonValue;
  readonly raw: JsonValue;
}

/** What the gateway itself says of an action. */
export class ActionDescription {
  /** The action, in canonical form. */
  readonly actionId: string;
  /** What the gateway calls it; `null` where it does not. */
  readonly name: string | null;
  /** The JSON Schema of its inputs; `null` where the gateway has none. */
  readonly inputSchema: JsonValue;
  /** The JSON Schema of its outputs; `null` where the gateway has none. */
  readonly outputSchema: JsonValue;
  /** The gateway's answer. */
  readonly raw: JsonValue;

  private constructor(said: CoreDescription) {
    this.actionId = said.action_id;
    this.name = said.name;
    this.inputSchema = said.input_schema;
    this.outputSchema = said.output_schema;
    this.raw = said.raw;
  }

  /** @internal */
  static read(text: string): ActionDescription {
    return new ActionDescription(decode(text) as unknown as CoreDescription);
  }

  /** The fields; a `bigint` becomes its decimal digits. */
  toJSON(): unknown {
    return printable({ ...this });
  }
}

interface CoreVerdict {
  readonly allowed: boolean;
  readonly kind: "validation" | "denied" | null;
  readonly action_id: string | null;
  readonly action_name: string | null;
  readonly reasons: readonly string[];
  readonly violations: readonly Violation[];
  readonly opens_at: string | null;
  readonly policy: string | null;
}

/** What a call would be told by contract and policy. */
export class Verdict {
  /** Whether it would be sent. */
  readonly allowed: boolean;
  /** Of the error that it would end as; `null` where it is allowed. */
  readonly kind: "validation" | "denied" | null;
  /** The action in canonical form; `null` where none was given that can be used. */
  readonly actionId: string | null;
  /** What the policy calls it. */
  readonly actionName: string | null;
  /** Everything that was looked at, in sentences: what speaks for the request, then each violation. */
  readonly reasons: readonly string[];
  /** Every reason against it. */
  readonly violations: readonly Violation[];
  /** When the policy allows the action again, where it does not at this time. */
  readonly opensAt: Date | null;
  /** The digest of the policy; `null` where there is no policy. */
  readonly policy: string | null;

  private constructor(said: CoreVerdict) {
    this.allowed = said.allowed;
    this.kind = said.kind;
    this.actionId = said.action_id;
    this.actionName = said.action_name;
    this.reasons = said.reasons;
    this.violations = said.violations;
    this.opensAt = said.opens_at === null ? null : new Date(said.opens_at);
    this.policy = said.policy;
  }

  /** @internal */
  static read(said: unknown): Verdict {
    return new Verdict(said as CoreVerdict);
  }
}

/** What a process that is gone left behind. */
export type Unfinished = UnfinishedFields &
  (
    | {
        /** How far it had come: `"unsent"` is safe to call again, of `"unknown"` nobody knows whether it was executed. */
        readonly state: "unsent" | "unknown";
        /** There is nothing to poll. */
        readonly resumeToken: null;
      }
    | {
        /** How far it had come: the gateway accepted it. */
        readonly state: "accepted";
        /** Hand it to `poll`; `null` where the gateway gives no id to ask for. */
        readonly resumeToken: string | null;
      }
  );

/** Which invocation it is that was left behind. */
export interface UnfinishedFields {
  /** The action, in canonical form. */
  readonly actionId: string | null;
  /** The logical invocation. */
  readonly correlationId: string;
  /** The gateway's id, when it was accepted and the gateway gives one. */
  readonly invocationId: string | null;
}

/** @internal */
export function readUnfinished(said: Record<string, string | null | undefined>): Unfinished {
  return {
    actionId: said.action_id ?? null,
    correlationId: said.correlation_id ?? "",
    invocationId: said.invocation_id ?? null,
    state: said.state,
    resumeToken: said.resume_token ?? null,
  } as Unfinished;
}

/** What the last message of a call can say. */
export type Said = "invocation" | "result" | "description" | "listener" | "value";

/** Of the last message of a call, the text of its one field; none where it has an error instead. */
export function doneText(json: string, field: Said): string | undefined {
  const start = `{"${field}":`;
  return json.startsWith(start) ? json.slice(start.length, -1) : undefined;
}

/** The error of the last message of a call. */
export function doneError(json: string): CxoneError {
  const { error } = JSON.parse(json) as { error: CoreError };
  return fromCore(error);
}
