/** The audit trail: a reading of the record of everything that was done and refused. */
import type { JsonValue } from "./decode";
import { at, refusal, siteOf, unwrap } from "./from-core";
import type { NativeClient, NativeRecords } from "./native";
import { optionsText } from "./options";

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
  readonly note?: string;
  /** Hash of the record before. */
  readonly prev: string;
  /** Hash of this record. */
  readonly hash: string;
}

/** Which records are wanted: those that agree with every field that is given. */
export interface AuditFilter {
  /** Written at this time or later. */
  readonly since?: Date | string | null | undefined;
  /** Written before this time. */
  readonly until?: Date | string | null | undefined;
  readonly event?: string | null | undefined;
  readonly actionId?: string | null | undefined;
  readonly correlationId?: string | null | undefined;
  readonly invocationId?: string | null | undefined;
  readonly actor?: string | null | undefined;
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
    /** Every disagreement, with its place. */
    readonly problems: readonly { readonly segment: string; readonly line: number; readonly what: string }[],
  ) {}
}

/** How many records cross the border at once. */
const PAGE = 500;

/** The audit trail of a client: hash-chained records, in memory or in a directory. Reading blocks, as files do. */
export class AuditTrail {
  readonly #native: NativeClient;

  /** @internal */
  constructor(client: NativeClient) {
    this.#native = client;
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
  export(path: string, format: "jsonl" | "json" | "csv" = "jsonl", filter?: AuditFilter | null): number {
    return unwrap(this.#native.export(String(path), String(format), filterText(filter)), this.export);
  }

  /** Reads everything and checks every hash, every link and every number. Works while the trail is being written. */
  verify(): Verification {
    const said = unwrap<Verification>(this.#native.verify(), this.verify);
    return new Verification(said.ok, said.records, said.segments, said.anchored, said.cut, said.problems);
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

function filterText(filter: AuditFilter | null | undefined): string {
  if (filter === undefined || filter === null) return "{}";
  const time = (value: unknown) =>
    value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value;
  return optionsText({ ...filter, since: time(filter.since), until: time(filter.until) });
}

function* read(pages: NativeRecords): IterableIterator<AuditRecord> {
  for (;;) {
    const page = unwrap<JsonValue[]>(pages.next(PAGE), read);
    if (page.length === 0) return;
    yield* page as unknown as AuditRecord[];
  }
}
