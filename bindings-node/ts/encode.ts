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

/** What JSON does not write as it is, or may not. */
const NOT_BARE = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/** Whether text needs nothing but quotes: for a short one it is cheaper to look than to have it written. */
function isBare(text: string): boolean {
  return text.length <= 64 && !NOT_BARE.test(text);
}

/** A request: `undefined` fields of its own are not given, `undefined` inputs are mistakes. */
export function encodeRequest(request: unknown): Encoded {
  const writer = new Writer(false);
  return { text: writer.request(request), findings: writer.findings };
}

/** Findings as they cross the border, where there are any. */
export function findingsText(findings: readonly Finding[]): string | null {
  return findings.length === 0 ? null : JSON.stringify(findings);
}

/** Options: what is `undefined` is not given, at every depth. */
export function encodeOptions(options: unknown): Encoded {
  const writer = new Writer(true);
  return { text: writer.value(options), findings: writer.findings };
}

/**
 * It goes through every value of every call: where a value is, is only put into words for a finding, and what may throw
 * is tried in place, without a function for each.
 */
class Writer {
  readonly findings: Finding[] = [];
  /** The names and indexes that lead to the value at hand. */
  readonly #path: (string | number)[] = [];
  /** The objects that it is in. */
  readonly #around: object[] = [];
  readonly #dropsUndefined: boolean;

  constructor(dropsUndefined: boolean) {
    this.#dropsUndefined = dropsUndefined;
  }

  /** An object of any class may be a request: what counts are its own fields. */
  request(request: unknown): string {
    if (typeof request !== "object" || request === null || isList(request)) return this.value(request);
    this.#around.push(request);
    return this.#fields(request, true);
  }

  value(value: unknown): string {
    switch (typeof value) {
      case "string":
        if (isBare(value)) return `"${value}"`;
        return value.isWellFormed() ? JSON.stringify(value) : this.#found("lone_surrogate", "string");
      case "number":
        return this.#number(value);
      case "bigint":
        return value.toString();
      case "boolean":
        return value ? "true" : "false";
      case "object":
        return value === null ? "null" : this.#nested(value);
      default:
        return this.#found("unsupported_type", typeof value);
    }
  }

  /** The own enumerable properties of an object, as `JSON.stringify` would find them. */
  #fields(object: object, dropsUndefined: boolean): string {
    const keys = keysOf(object);
    if (!keys) return this.#found("unsupported_type", "object that cannot be read");
    let members = "";
    for (const key of keys) {
      if (typeof key === "symbol") {
        this.#found("key_type", "symbol");
        continue;
      }
      let value: unknown;
      let isRead = true;
      try {
        value = (object as Record<string, unknown>)[key];
      } catch {
        isRead = false;
      }
      if (value === undefined && isRead && dropsUndefined) continue;
      this.#path.push(key);
      const text = isRead ? this.value(value) : this.#found("unsupported_type", "getter that throws");
      this.#path.pop();
      // Half a surrogate pair in a key is written as its escape: the core sees it there and names the place.
      const name = isBare(key) ? `"${key}"` : JSON.stringify(key);
      members += `${members === "" ? "" : ","}${name}:${text}`;
    }
    return `{${members}}`;
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) return this.#found("non_finite", String(value));
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return this.#found("inexact_integer", "number");
    }
    return Object.is(value, -0) ? "-0" : String(value);
  }

  #nested(value: object): string {
    if (this.#around.includes(value)) return this.#found("cycle", typeName(value));
    if (this.#path.length >= DEEPEST) return this.#found("too_deep", typeName(value));
    this.#around.push(value);
    const text = this.#inside(value);
    this.#around.pop();
    return text;
  }

  #inside(value: object): string {
    if (isList(value)) return this.#list(value);
    if (isPlain(value)) return this.#fields(value, this.#dropsUndefined);
    return this.#found("unsupported_type", typeName(value));
  }

  #list(list: unknown[]): string {
    const items: string[] = [];
    const length = attempt(() => list.length) ?? 0;
    for (let index = 0; index < length && this.findings.length < ENOUGH; index += 1) {
      let value: unknown;
      let isRead = true;
      try {
        value = list[index];
      } catch {
        isRead = false;
      }
      this.#path.push(index);
      items.push(isRead ? this.value(value) : this.#found("unsupported_type", "getter that throws"));
      this.#path.pop();
    }
    return `[${items.join(",")}]`;
  }

  #found(code: Finding["code"], got: string): "null" {
    const path = this.#path.map((step, depth) => `/${pointer(String(step), depth)}`).join("");
    this.findings.push({ path, code, got });
    return "null";
  }
}

/** The names of the properties to be written, and symbols to be refused; nothing where the object will not say. */
function keysOf(object: object): (string | symbol)[] | undefined {
  try {
    if (Object.getOwnPropertySymbols(object).length === 0) return Object.keys(object);
  } catch {
    // A proxy that will not say whether one of its properties can be seen.
  }
  const isSeen = (key: string | symbol) =>
    attempt(() => Reflect.getOwnPropertyDescriptor(object, key)?.enumerable === true) ?? true;
  return attempt(() => Reflect.ownKeys(object))?.filter(isSeen);
}

/** An array; not a proxy that was revoked, of which nothing can be asked. */
export function isList(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** `{…}`, `Object.create(null)`, and their like from another realm; not a proxy that will not say. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) return true;
    return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "hasOwnProperty");
  } catch {
    return false;
  }
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

function pointer(key: string, depth: number): string {
  const name = depth === 0 ? (WIRE_NAMES.get(key) ?? key) : key;
  return name.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1");
}

/** What `read` returns, or undefined where the caller's getter or proxy throws; what it throws is nobody's business. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
