/** The audit trail: a reading of the record of everything that was done and refused. */
import { fileURLToPath } from "node:url";
import type { JsonValue } from "./decode";
import { attempt, timeText, typeName } from "./encode";
import type { ErrorKind, Executed } from "./errors";
import { at, placed, refusal, siteOf, unwrap } from "./from-core";
import type { NativeClient, NativeRecords } from "./native";
import { callOptions, type FileUrl, isFileUrl, mistaken, mustBePlain, optionsText } from "./options";

/** What a record says that happened. */
export type TrailEvent =
  | "started"
  | "joined"
  | "denied"
  | "invalid"
  | "sending"
  | "accepted"
  | "rejected"
  | "poll_failed"
  | "terminal"
  | "unknown"
  | "aborted"
  | "detached"
  | "callback_failed"
  | "delivered"
  | "token_refreshed"
  | "config"
  | "checkpoint"
  | "gap"
  | "closed";

/**
 * A record, as its line in the trail says it: with the names that stand there, in snake_case, so that what is read here,
 * exported and kept in files is the same. Fields that do not apply are absent.
 */
export interface AuditRecord {
  /** Version of the record's form. */
  readonly v: number;
  /** Number within its segment, from 1. */
  readonly seq: number;
  /** When it was written: RFC 3339, UTC, with microseconds. */
  readonly ts: string;
  /** The machine that wrote it. */
  readonly host: string;
  /** The process that wrote it. */
  readonly pid: number;
  /** A random name for the client that wrote it. */
  readonly run: string;
  /** What happened. */
  readonly event: TrailEvent;
  /** Who acts, as the client was configured. */
  readonly actor: string;
  /** The action, in canonical form. */
  readonly action_id?: string;
  /** The action's name in the policy. */
  readonly action_name?: string;
  /** The logical invocation. */
  readonly correlation_id?: string;
  /** The gateway's id of the invocation. */
  readonly invocation_id?: string;
  /** Which send it was, from 1. */
  readonly attempt?: number;
  /** The HTTP status of the answer. */
  readonly http_status?: number;
  /** The gateway's word for the state. */
  readonly status?: string;
  /** The kind of the error. */
  readonly kind?: ErrorKind;
  /** Whether the action was executed. */
  readonly executed?: Executed;
  /** The names of the inputs, never their values: at most 256, then how many more there are. */
  readonly input_keys?: string[];
  /** A keyed digest of the inputs: equal inputs of one run have equal digests, of one key in all of its runs. */
  readonly input_digest?: string;
  /** The size of the body. */
  readonly bytes?: number;
  /** Milliseconds, by what they were spent on: `queue_ms`, `attempt_ms`, `invoke_ms`, `duration_ms`. */
  readonly timings?: { readonly [name: string]: number };
  /** The caller's result handler is owed this result. */
  readonly due?: true;
  /** A line for a person. */
  readonly note?: string;
  /** Names the key with which `hash` is made; absent where it is made without one. */
  readonly key?: string;
  /** Hash of the record before; zeros in the first of a segment. */
  readonly prev: string;
  /** Hash of this record. */
  readonly hash: string;
}

/** Which records are wanted: those that agree with every field that is given. */
export interface AuditFilter {
  /** Written at this time or later: a `Date`, or RFC 3339 text; a day alone is its midnight in UTC. */
  readonly since?: Date | string | null | undefined;
  /** Written before this time. */
  readonly until?: Date | string | null | undefined;
  /** What happened. */
  readonly event?: TrailEvent | null | undefined;
  /** The action, by its id or by the name that the policy gives it. */
  readonly actionId?: string | null | undefined;
  /** The gateway's word for the state. */
  readonly status?: string | null | undefined;
  /** The logical invocation. */
  readonly correlationId?: string | null | undefined;
  /** The gateway's id of the invocation. */
  readonly invocationId?: string | null | undefined;
  /** Who acted. */
  readonly actor?: string | null | undefined;
}

/** Options of `verify`. */
export interface VerifyOptions {
  /**
   * Checkpoints that were kept elsewhere, one JSON object a line. Default: the file that the client's option
   * `auditCheckpoints` names.
   */
  readonly checkpoints?: string | FileUrl | null | undefined;
}

/** A disagreement that `verify` found, with its place. */
export interface Problem {
  /** The file; empty in memory. */
  readonly segment: string;
  /** The line in it, from 1; 0 for the segment as a whole. */
  readonly line: number;
  /** What is wrong there. */
  readonly what: string;
}

/** What `verify` found. */
export class Verification {
  /** Whether there are no problems. */
  declare readonly ok: boolean;
  /** How many whole records were read. */
  declare readonly records: number;
  /** How many segments were read; 0 in memory. */
  declare readonly segments: number;
  /** How many records a checkpoint kept elsewhere covers. */
  declare readonly anchored: number;
  /** How many segments end in half a record, because their writer died in the middle of it: no problem. */
  declare readonly cut: number;
  /** How many records are sealed with a key that is not at hand: of them only order and links were checked. */
  declare readonly unchecked: number;
  /** How many segments are known of and gone, because only a limited history is kept: no problem. */
  declare readonly removed: number;
  /** Every disagreement. */
  declare readonly problems: readonly Problem[];

  private constructor(said: object) {
    Object.assign(this, said);
  }

  /** @internal */
  static read(said: object): Verification {
    return new Verification(said);
  }
}

/** How many records cross the border at once. */
const PAGE = 500;

/**
 * The audit trail of a client: hash-chained records, in memory or in a directory. Its methods block the event loop while
 * they read and write files: read a long trail in a worker, or with the command line.
 */
export class AuditTrail {
  readonly #native: NativeClient;

  private constructor(client: NativeClient) {
    this.#native = client;
  }

  /** @internal */
  static of(client: NativeClient): AuditTrail {
    return new AuditTrail(client);
  }

  /**
   * The records that pass the filter, oldest first, read as they are asked for.
   *
   * @throws {ConfigError} names every field of the filter that cannot work
   * @throws {AuditError} when the trail cannot be read
   */
  records(filter?: AuditFilter | null): IterableIterator<AuditRecord> {
    const site = siteOf(this.records);
    const opened = this.#native.records(placed(site, () => filterText(filter)));
    if (typeof opened === "string") throw at(refusal(opened), site);
    return read(opened);
  }

  /**
   * Writes the records that pass the filter to a file, which appears when it is complete. Returns how many.
   *
   * @throws {AuditError} when a record cannot be read or the file cannot be written
   */
  export(
    path: string | FileUrl,
    format: "jsonl" | "json" | "csv" = "jsonl",
    filter?: AuditFilter | null,
  ): number {
    const said = placed(siteOf(this.export), () => [pathText("path", path), filterText(filter)] as const);
    return unwrap(this.#native.export(said[0], String(format), said[1]), this.export);
  }

  /**
   * Reads everything and checks every hash, every link, every number and every checkpoint. Works while the trail is being
   * written.
   */
  verify(options?: VerifyOptions | null): Verification {
    const file = placed(siteOf(this.verify), () => {
      const { checkpoints } = callOptions(options, { checkpoints: "a path or a file URL" });
      return checkpoints === undefined || checkpoints === null
        ? undefined
        : pathText("checkpoints", checkpoints);
    });
    return Verification.read(unwrap(this.#native.verify(file), this.verify));
  }

  /**
   * Waits until the disk has what was written.
   *
   * @throws {AuditError} when the disk refuses
   */
  flush(): void {
    unwrap(this.#native.flush(), this.flush);
  }
}

/** The name of a file; what is none is refused, so that nothing is written to a file named `undefined`. */
function pathText(name: string, path: unknown): string {
  if (typeof path === "string") return path;
  // A URL may name a file that cannot be one of this machine.
  const file = isFileUrl(path) ? attempt(() => fileURLToPath(path.href)) : undefined;
  if (file !== undefined) return file;
  const message = `\`${name}\` must be a path or a file URL, got ${typeName(path)}`;
  throw mistaken([{ path: name, code: "type", message }]);
}

function filterText(filter: AuditFilter | null | undefined): string {
  if (filter === undefined || filter === null) return "{}";
  mustBePlain(filter, "the filter");
  const time = (value: unknown) => (value instanceof Date ? timeText(value) : value);
  const written = () => ({ ...filter, since: time(filter.since), until: time(filter.until) });
  // A member that throws when it is read is named like any other mistake.
  return optionsText(attempt(written) ?? filter, "the filter");
}

function* read(pages: NativeRecords): IterableIterator<AuditRecord> {
  for (;;) {
    const page = unwrap<JsonValue[]>(pages.next(PAGE), read);
    if (page.length === 0) return;
    yield* page as unknown as AuditRecord[];
  }
}
