/**
 * JSON text as JavaScript values, exactly.
 *
 * The promise: an integer that a number cannot hold arrives as a `BigInt`, also where it is written with a point or an
 * exponent and would lose digits; what is beyond every number and no such integer arrives as its text and never as an
 * infinity; and a key `__proto__` is a key. The text comes from the core, which has checked it.
 */

/**
 * A JSON value as the gateway sent it. Integers beyond ±(2^53−1) are `bigint`, and so is one with a point or an exponent of
 * which a number would lose digits; what no number holds, such as `1e400`, is its text; everything else is a number.
 */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | JsonValue[]
  | { [key: string]: JsonValue };

/** Sixteen digits before a point, or an exponent, where a value may stand: a number that has neither is safe. */
const MAY_BE_BEYOND = /(?:^|[[,:\s])-?\d(?:\d{15}|\d*(?:\.\d+)?[eE])/;
/** An exponent of a few digits stands for an integer of any length: so many digits are believed. */
const LONGEST = 400;

/** Reads JSON text. */
export function decode(text: string): JsonValue {
  // No integer of 15 digits is beyond 2^53, and the platform's own reader is several times faster.
  return MAY_BE_BEYOND.test(text) ? new Reader(text).read() : (JSON.parse(text) as JsonValue);
}

/** A name of the core's in the spelling of this language. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * A copy that `JSON.stringify` can write, of whatever it would have written: a `bigint` becomes its decimal digits, and
 * what contains itself says so.
 */
export function printable(value: unknown, around = new Set<unknown>()): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (around.has(value)) return "[Circular]";
  around.add(value);
  const copy = copied(value, around);
  around.delete(value);
  return copy;
}

function copied(value: object, around: Set<unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => printable(item, around));
  if ("toJSON" in value && typeof value.toJSON === "function") return printable(value.toJSON(), around);
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) put(copy, key, printable(member, around));
  return copy;
}

/** Sets an own property, whatever its name. */
function put<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
  } else {
    object[key] = value;
  }
}

type Container = { list: JsonValue[] } | { object: Record<string, JsonValue>; key: string };

/** Reads without recursion, so that depth costs memory and never the stack. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): JsonValue {
    const open: Container[] = [];
    for (;;) {
      let value: JsonValue;
      const start = this.#next();
      if (start === "[" || start === "{") {
        this.#at += 1;
        if (this.#next() !== (start === "[" ? "]" : "}")) {
          open.push(start === "[" ? { list: [] } : { object: {}, key: this.#key() });
          continue;
        }
        this.#at += 1;
        value = start === "[" ? [] : {};
      } else {
        value = start === '"' ? this.#string() : this.#plain();
      }
      for (;;) {
        const inside = open.at(-1);
        if (!inside) return value;
        if ("list" in inside) inside.list.push(value);
        else put(inside.object, inside.key, value);
        const after = this.#next();
        this.#at += 1;
        if (after === ",") {
          if ("object" in inside) inside.key = this.#key();
          break;
        }
        open.pop();
        value = "list" in inside ? inside.list : inside.object;
      }
    }
  }

  /** The next character that is not white space. */
  #next(): string {
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === "") throw new SyntaxError("the JSON text ends too early");
      if (character !== " " && character !== "\n" && character !== "\r" && character !== "\t")
        return character;
      this.#at += 1;
    }
  }

  #key(): string {
    this.#next();
    const key = this.#string();
    this.#next();
    this.#at += 1;
    return key;
  }

  #string(): string {
    let end = this.#text.indexOf('"', this.#at + 1);
    while (end >= 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw new SyntaxError("the JSON text ends inside a string");
    const literal = this.#text.slice(this.#at, end + 1);
    this.#at = end + 1;
    return JSON.parse(literal) as string;
  }

  #isEscaped(quote: number): boolean {
    let before = quote;
    while (this.#text.charAt(before - 1) === "\\") before -= 1;
    return (quote - before) % 2 === 1;
  }

  #plain(): JsonValue {
    const pattern = /[^\s,\]}]+/y;
    pattern.lastIndex = this.#at;
    const literal = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += literal.length;
    const value = JSON.parse(literal) as number | boolean | null;
    return typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER
      ? large(literal, value)
      : value;
  }
}

/** The value of a number beyond the safe integers: a number still, unless it is an integer that would lose digits. */
function large(literal: string, rounded: number): JsonValue {
  const whole = wholeOf(literal);
  if (whole === undefined) return Number.isFinite(rounded) ? rounded : literal;
  if (/^-?\d+$/.test(literal) || !Number.isFinite(rounded)) return whole;
  // Whoever sent a double wrote either its value or the shortest text that stands for it.
  return whole === BigInt(rounded) || whole === wholeOf(String(rounded)) ? rounded : whole;
}

/** The integer that a literal is; none where it is a fraction, or longer than an exponent may make it. */
function wholeOf(literal: string): bigint | undefined {
  if (/^-?\d+$/.test(literal)) return BigInt(literal);
  const [, sign = "", before = "", after = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (before + after).replace(/0+$/, "");
  const zeros = Number(exponent) + before.length - digits.length;
  const longest = LONGEST - digits.replace(/^0+/, "").length;
  return zeros < 0 || zeros > longest ? undefined : BigInt(sign + digits + "0".repeat(zeros));
}
