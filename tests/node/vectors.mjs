// The shared vectors, and the values that they spell, as JavaScript says them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ROOT } from "./support.mjs";

const built = (file) => createRequire(import.meta.url)(join(ROOT, "bindings-node", "dist", file));
const { decode } = built("decode.js");
const surface = JSON.parse(built("native.js").native.surface());
const named = [
  ...surface.options,
  ...surface.methods.flatMap(({ params }) => params),
  ...Object.values(surface.fields).flat(),
];
const NAMES = new Map(named.map(({ name, node }) => [name, node]));

/** A text of the core with the names in it as Node writes them. */
export function wordsInNode(text) {
  return text === null ? null : text.replace(/`(\w+)`/g, (_, name) => `\`${NAMES.get(name) ?? name}\``);
}

const FIELDS = surface.fields.ActionRequest.map(({ node }) => `/${node}`);

/** The same of a violation, which begins with what the caller wrote, unless that is a field of the request. */
export function violationInNode(violation) {
  if (FIELDS.includes(violation.path)) return { ...violation, message: wordsInNode(violation.message) };
  const [begins, ...rest] = violation.message.split(/(?<=^`[^`]*`)/);
  return { ...violation, message: `${begins}${wordsInNode(rest.join(""))}` };
}

/** The content of one file, its integers exact. */
export function vectors(name) {
  return decode(readFileSync(join(ROOT, "tests", "vectors", name), "utf8"));
}

const LONE_SURROGATE = "a\ud800b";
class Opaque {}

const VALUES = {
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  "-Infinity": () => Number.NEGATIVE_INFINITY,
  float: Number,
  unsafe: Number,
  bigint: BigInt,
  lone_surrogate: () => LONE_SURROGATE,
  symbol_key: () => Symbol("key"),
  cycle: () => {
    const list = [];
    list.push(list);
    return list;
  },
  type: (name) =>
    ({
      Date: new Date(0),
      Map: new Map([["CANARY", 1]]),
      Set: new Set(["CANARY"]),
      Uint8Array: new Uint8Array([1]),
      function: () => "CANARY",
      symbol: Symbol("CANARY"),
      Opaque: new Opaque(),
    })[name],
};

/** What stands for a value that JSON cannot say becomes that value. */
export function said(value) {
  if (Array.isArray(value)) return value.map(said);
  if (typeof value !== "object" || value === null) return value;
  if (value.$repeat) return value.$repeat[0].repeat(value.$repeat[1]);
  if (value.$value) {
    const [sort, ...rest] = value.$value.split(":");
    assert.ok(VALUES[sort], `no value is known as ${value.$value}`);
    return VALUES[sort](rest.join(":"));
  }
  const entries = value.$entries ?? Object.entries(value);
  return Object.fromEntries(entries.map(([key, member]) => [said(key), said(member)]));
}
