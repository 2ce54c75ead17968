/**
 * JavaScript values as the JSON text that crosses the border.
 *
 * The promise: a value reaches the core exactly, or as a finding that says where it is and what was met there. Nothing
 * is rounded, dropped or converted on the way, and no code of the caller's runs but its getters.
 */

/** What JSON cannot say. The core makes a violation of it. */
export interface Finding {
  /** JSON pointer. */
  readonly path: string;
  readonly code:
    | "non_finite"
    | "inexact_integer"
    | "lone_surrogate"
    | "unsupported_type"
    | "cycle"
    | "key_type"
    | "too_deep";
  /** The name of a type, or `NaN`; never a value. */
  readonly got: string;
}

/** JSON text, with `null` wherever there is a finding. */
export interface Encoded {
  readonly text: string;
  readonly findings: readonly Finding[];
}

/** Deeper than any contract allows, and shallow enough for every JSON reader. */
const DEEPEST = 100;
/** A list with so many mistakes is refused whatever follows, and a sparse one may have no end. */
const ENOUGH = 1000;

/** Places are named as on the wire, also where a request is written in snake_case. */
const WIRE_NAMES = new Map([
  ["action_id", "actionId"],
  ["correlation_id", "correlationId"],
  ["callback_url", "callbackUrl"],
]);

/** A request: `undefined` fields of its own are not given, `undefined` inputs are mistakes. */
export function encodeRequest(request: unknown): Encoded {
  const writer = new Writer(false);
  return { text: writer.request(request), findings: writer.findings };
}

/** Options: what is `undefined` is not given, at every depth. */
export function encodeOptions(options: unknown): Encoded {
  const writer = new Writer(true);
  return { text: writer.value(options, "", 0), findings: writer.findings };
}

class Writer {
  readonly findings: Finding[] = [];
  readonly #around = new Set<object>();
  readonly #dropsUndefined: boolean;

  constructor(dropsUndefined: boolean) {
    this.#dropsUndefined = dropsUndefined;
  }

  /** An object of any class may be a request: what counts are its own fields. */
  request(request: unknown): string {
    if (typeof request !== "object" || request === null || isList(request)) return this.value(request, "", 0);
    this.#around.add(request);
    return this.#fields(request, "", 0, true);
  }

  value(value: unknown, path: string, depth: number): string {
    switch (typeof value) {
      case "string":
        return value.isWellFormed() ? JSON.stringify(value) : this.#found(path, "lone_surrogate", "string");
      case "number":
        return this.#number(value, path);
      case "bigint":
        return value.toString();
      case "boolean":
        return value ? "true" : "false";
      case "object":
        return value === null ? "null" : this.#nested(value, path, depth);
      default:
        return this.#found(path, "unsupported_type", typeof value);
    }
  }

  /** The own enumerable properties of an object, as `JSON.stringify` would find them. */
  #fields(object: object, path: string, depth: number, dropsUndefined: boolean): string {
    const keys = attempt(() => Reflect.ownKeys(object));
    if (!keys) return this.#found(path, "unsupported_type", "object that cannot be read");
    const members: string[] = [];
    for (const key of keys) {
      const property = attempt(() => ({
        seen: Reflect.getOwnPropertyDescriptor(object, key)?.enumerable === true,
      }));
      if (property?.seen === false) continue;
      if (typeof key === "symbol") {
        this.#found(path, "key_type", "symbol");
        continue;
      }
      const here = `${path}/${pointer(path === "" ? (WIRE_NAMES.get(key) ?? key) : key)}`;
      const read = attempt(() => ({ value: Reflect.get(object, key) as unknown }));
      if (read && read.value === undefined && dropsUndefined) continue;
      const text = read
        ? this.value(read.value, here, depth + 1)
        : this.#found(here, "unsupported_type", "getter that throws");
      // Half a surrogate pair in a key is written as its escape: the core sees it there and names the place.
      members.push(`${JSON.stringify(key)}:${text}`);
    }
    return `{${members.join(",")}}`;
  }

  #number(value: number, path: string): string {
    if (!Number.isFinite(value)) return this.#found(path, "non_finite", String(value));
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return this.#found(path, "inexact_integer", "number");
    }
    return Object.is(value, -0) ? "-0" : String(value);
  }

  #nested(value: object, path: string, depth: number): string {
    if (this.#around.has(value)) return this.#found(path, "cycle", typeName(value));
    if (depth >= DEEPEST) return this.#found(path, "too_deep", typeName(value));
    this.#around.add(value);
    try {
      if (isList(value)) return this.#list(value, path, depth);
      if (isPlain(value)) return this.#fields(value, path, depth, this.#dropsUndefined);
      return this.#found(path, "unsupported_type", typeName(value));
    } finally {
      this.#around.delete(value);
    }
  }

  #list(list: unknown[], path: string, depth: number): string {
    const items: string[] = [];
    const length = attempt(() => list.length) ?? 0;
    for (let index = 0; index < length && this.findings.length < ENOUGH; index += 1) {
      const here = `${path}/${index}`;
      const read = attempt(() => ({ value: list[index] }));
      items.push(
        read
          ? this.value(read.value, here, depth + 1)
          : this.#found(here, "unsupported_type", "getter that throws"),
      );
    }
    return `[${items.join(",")}]`;
  }

  #found(path: string, code: Finding["code"], got: string): "null" {
    this.findings.push({ path, code, got });
    return "null";
  }
}

/** An array; not a proxy that was revoked, of which nothing can be asked. */
export function isList(value: unknown): value is unknown[] {
  return attempt(() => Array.isArray(value)) === true;
}

/** `{…}`, `Object.create(null)`, and their like from another realm; not a proxy that will not say. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const plain = attempt(() => {
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === null) return true;
    return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "hasOwnProperty");
  });
  return plain === true;
}

/** The text of a time. An invalid `Date` is said to be no time by the core, as any other text is. */
export function timeText(time: Date): string {
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}

/** The class of a value, for a message. */
export function typeName(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  const name: unknown = attempt(() => (value as { constructor?: { name?: unknown } }).constructor?.name);
  return typeof name === "string" && name !== "" ? name.toWellFormed().slice(0, 100) : "object";
}

function pointer(key: string): string {
  return key.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}

/** What `read` returns, or undefined where the caller's getter or proxy throws; what it throws is nobody's business. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
