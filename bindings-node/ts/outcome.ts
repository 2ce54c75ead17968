/** What became of each of many requests. The promise: a result or an error, and never both. */
import { printable } from "./decode";
import type { AnyCxoneError, CxoneError } from "./errors";
import type { ActionRequest } from "./request";
import type { ActionResult, OutputMap } from "./results";

/** Which request of `runMany` it was. */
export interface OutcomeFields<Inputs extends object> {
  /** The place of the request in what was given, from 0. */
  readonly index: number;
  /** The request as it was given. */
  readonly request: ActionRequest<Inputs>;
  /** The fields; a `bigint` becomes its decimal digits. */
  toJSON(): unknown;
}

/** A request of `runMany` that has a terminal result, of whatever status. */
export interface ResultOutcome<Outputs = OutputMap, Inputs extends object = object>
  extends OutcomeFields<Inputs> {
  /** What became of it. */
  readonly result: ActionResult<Outputs>;
  /** Nothing went wrong with it. */
  readonly error: null;
  /** The result. */
  unwrap(): ActionResult<Outputs>;
}

/** A request of `runMany` without a result. */
export interface ErrorOutcome<Inputs extends object = object> extends OutcomeFields<Inputs> {
  /** There is none. */
  readonly result: null;
  /** What went wrong; its `executed` says whether calling again is safe. */
  readonly error: AnyCxoneError;
  /** @throws {CxoneError} the error */
  unwrap(): never;
}

/** What became of one request of `runMany`: exactly one of `result` and `error` is not `null`. */
export type Outcome<Outputs = OutputMap, Inputs extends object = object> =
  | ResultOutcome<Outputs, Inputs>
  | ErrorOutcome<Inputs>;

const Settled = class Outcome {
  constructor(
    readonly index: number,
    readonly request: unknown,
    readonly result: unknown,
    readonly error: CxoneError | null,
  ) {}

  unwrap(): unknown {
    if (this.error) throw this.error;
    return this.result;
  }

  toJSON(): unknown {
    return printable({ ...this });
  }
};

/** What can be asked of outcomes; the library alone makes them. */
export const Outcome: {
  /** What outcomes inherit. */
  readonly prototype: Outcome<unknown>;
  /** Whether a value is an outcome. */
  [Symbol.hasInstance](value: unknown): value is Outcome<unknown>;
} = Settled as never;

/** @internal Exactly one of `result` and `error` is not `null`. */
export function outcome<Outputs>(
  index: number,
  request: unknown,
  result: ActionResult<Outputs> | null,
  error: CxoneError | null,
): Outcome<Outputs, never> {
  return new Settled(index, request, result, error) as unknown as Outcome<Outputs, never>;
}
