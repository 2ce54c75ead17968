/** The audit trail: a reading of the record of everything that was done and refused. */
import { fileURLToPath } from "node:url";
import type { JsonValue } from "./decode";
import { attempt, timeText, typeName } from "./encode";
import { at, refusal, siteOf, unwrap } from "./from-core";
import type { NativeClient, NativeRecords } from "./native";
import { callOptions, type FileUrl, isFileUrl, mistaken, mustBePlain, optionsText } from "./options";

/** A record with the field names of the trail. Absent fields are absent. */
export interface AuditRecord {
  /** Version of the record's form. */
  readonly v: number;
  /** Number within its segment. */
  readonly seq: number;
  /** RFC 3339, UTC. */
  readonly ts: string;
  readonly host: string;
  readonly pid: number;
  readonly run: string;
  /** What happened: `started`, `denied`, `sending`, `accepted`, `terminal`, … */
  readonly event: string;
  readonly actor: string;
  readonly action_id?: string;
  readonly action_name?: string;
  readonly correlation_id?: string;
  readonly invocation_id?: string;
  readonly attempt?: number;
  readonly http_status?: number;
  readonly status?: string;
  readonly kind?: string;
  readonly executed?: string;
  /** The names of the inputs; never their values. */
  readonly input_keys?: string[];
  /** A keyed digest of the inputs: equal inputs of one run have equal digests. */
  readonly input_digest?: string;
  readonly bytes?: number;
  readonly timings?: { readonly [name: string]: number };
  /** The caller's result handler is owed this result. */
  readonly due?: boolean;
  readonly note?: string;
  /** Names the key with which `hash` is made; absent where it is made without one. */
  readonly key?: string;
  /** Hash of the record before. */
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
  readonly event?: string | null | undefined;
  /** The action, by its id or by the name that the policy gives it. */
  readonly actionId?: string | null | undefined;
  /** The gateway's word for the state. */
  readonly status?: string | null | undefined;
  readonly correlationId?: string | null | undefined;
  readonly invocationId?: string | null | undefined;
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

/** What `verify` found. */
export class Verification {
  constructor(
    /** Whether there are no problems. */
    readonly ok: boolean,
    /** How many whole records were read. */
    readonly records: number,
    /** How many segments were read; 0 in memory. */
    readonly segments: number,
    /** How many records a checkpoint kept elsewhere covers. */
    readonly anchored: number,
    /** How many segments end in half a record, because their writer died in the middle of it: no problem. */
    readonly cut: number,
    /** How many records are sealed with a key that is not at hand: of them only order and links were checked. */
    readonly unchecked: number,
    /** How many segments are known of and gone, because only a limited history is kept: no problem. */
    readonly removed: number,
    /** Every disagreement, with its place. */
    readonly problems: readonly { readonly segment: string; readonly line: number; readonly what: string }[],
  ) {}
}

/** How many records cross the border at once. */
const PAGE = 500;

/** The audit trail of a client: hash-chained records, in memory or in a directory. Reading blocks, as files do. */
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
    const opened = this.#native.records(filterText(filter));
    if (typeof opened === "string") throw at(refusal(opened), siteOf(this.records));
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
    const file = pathText("path", path);
    return unwrap(this.#native.export(file, String(format), filterText(filter)), this.export);
  }

  /**
   * Reads everything and checks every hash, every link, every number and every checkpoint. Works while the trail is being
   * written.
   */
  verify(options?: VerifyOptions | null): Verification {
    const checkpoints =
      callOptions(options, { checkpoints: "a path or a file URL" }).checkpoints ?? undefined;
    const file = checkpoints === undefined ? undefined : pathText("checkpoints", checkpoints);
    const said = unwrap<Verification>(this.#native.verify(file), this.verify);
    const { ok, records, segments, anchored, cut, unchecked, removed, problems } = said;
    return new Verification(ok, records, segments, anchored, cut, unchecked, removed, problems);
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
