/** The numbers, as the core counted them. */
import { camelCase, decode } from "./decode";
import { at, refusal, siteOf } from "./from-core";
import type { NativeClient, NativeSnapshot } from "./native";

/** Times in milliseconds, each percentile within 1 %; `null` before the first value. */
export interface Distribution {
  /** How many there were. */
  readonly count: number;
  /** Their mean. */
  readonly meanMs: number | null;
  /** The shortest. */
  readonly minMs: number | null;
  /** The longest. */
  readonly maxMs: number | null;
  /** Half of them took no longer. */
  readonly p50Ms: number | null;
  /** Nine in ten took no longer. */
  readonly p90Ms: number | null;
  /** 95 in a hundred took no longer. */
  readonly p95Ms: number | null;
  /** 99 in a hundred took no longer. */
  readonly p99Ms: number | null;
}

/** The numbers of one action, or of all of them. */
export interface ActionMetrics {
  /**
   * Invocations that passed contract and policy. Always the sum of `completed`, `failed`, `cancelled`, `rejected`,
   * `aborted`, `unknown`, `inFlight` and `detached`.
   */
  readonly started: number;
  /** Ended as `COMPLETED`. */
  readonly completed: number;
  /** Ended as `FAILED`. */
  readonly failed: number;
  /** Ended as `CANCELLED`. */
  readonly cancelled: number;
  /** Provably not executed. */
  readonly rejected: number;
  /** Given up by the caller before anything was sent. */
  readonly aborted: number;
  /** Sent, without a trustworthy answer. */
  readonly unknown: number;
  /** Somebody waits for it. */
  readonly inFlight: number;
  /** Accepted, and nobody waits for it. */
  readonly detached: number;
  /** Completed among the terminal results, 0 to 1; `null` before the first. */
  readonly successRate: number | null;
  /** From the call to the gateway's acceptance. */
  readonly invokeLatency: Distribution;
  /** From the call to the terminal state. */
  readonly duration: Distribution;
}

/** The fields of a snapshot. */
export interface MetricsFields extends ActionMetrics {
  /** Requests that the policy refused. */
  readonly denied: number;
  /** Requests that broke the contract. */
  readonly invalid: number;
  /** Sends beyond the first of each invocation. */
  readonly retries: number;
  /** Answers with 429. */
  readonly rateLimited: number;
  /** Looks at the state of an invocation. */
  readonly polls: number;
  /** Tokens fetched. */
  readonly tokenRefreshes: number;
  /** `onResult` handlers that threw or did not end in time. */
  readonly callbackFailures: number;
  /** Callbacks that came, by what they came to: `woke`, `duplicate`, `unknown`, `forged`, `too_large`. */
  readonly callbacks: { readonly [outcome: string]: number };
  /** Status words that the profile does not know. */
  readonly unknownStatuses: number;
  /** Records of the audit trail that could not be written, also where a `gap` has said so since. */
  readonly auditLost: number;
  /** The same by the action's name (or id): at most 100 of them, the rest together as `other`. */
  readonly byAction: { readonly [action: string]: ActionMetrics };
}

/** A consistent snapshot of a client's numbers. */
export class Metrics implements MetricsFields {
  declare readonly started: number;
  declare readonly completed: number;
  declare readonly failed: number;
  declare readonly cancelled: number;
  declare readonly rejected: number;
  declare readonly aborted: number;
  declare readonly unknown: number;
  declare readonly inFlight: number;
  declare readonly detached: number;
  declare readonly denied: number;
  declare readonly invalid: number;
  declare readonly successRate: number | null;
  declare readonly invokeLatency: Distribution;
  declare readonly duration: Distribution;
  declare readonly retries: number;
  declare readonly rateLimited: number;
  declare readonly polls: number;
  declare readonly tokenRefreshes: number;
  declare readonly callbackFailures: number;
  declare readonly callbacks: { readonly [outcome: string]: number };
  declare readonly unknownStatuses: number;
  declare readonly auditLost: number;
  declare readonly byAction: { readonly [action: string]: ActionMetrics };
  readonly #snapshot: NativeSnapshot;

  private constructor(snapshot: NativeSnapshot) {
    this.#snapshot = snapshot;
    Object.assign(this, renamed(decode(snapshot.json()) as object));
  }

  /** @internal */
  static read(client: NativeClient, method: CallableFunction): Metrics {
    const snapshot = client.metrics();
    if (typeof snapshot === "string") throw at(refusal(snapshot), siteOf(method));
    return new Metrics(snapshot);
  }

  /** The snapshot as Prometheus text, every name beginning with `cxone_`. */
  prometheus(): string {
    return this.#snapshot.prometheus();
  }

  /** The snapshot as plain data. */
  toJSON(): MetricsFields {
    return { ...this };
  }
}

/** The core's names in camelCase; those of actions, and what callbacks came to, stay as they are. */
function renamed(said: object): object {
  const entries = Object.entries(said).map(([name, value]: [string, unknown]) => {
    if (name === "callbacks") return [name, value];
    if (name === "by_action") {
      const actions = Object.entries(value as object).map(([action, row]) => [
        action,
        renamed(row as object),
      ]);
      return ["byAction", Object.fromEntries(actions)];
    }
    return [camelCase(name), typeof value === "object" && value !== null ? renamed(value) : value];
  });
  return Object.fromEntries(entries) as object;
}
