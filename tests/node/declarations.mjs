// What the package declares, read off the declarations that are published.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./support.mjs";

export const DIST = join(ROOT, "bindings-node", "dist");
const files = readdirSync(DIST).filter((file) => file.endsWith(".d.ts"));
const text = files.map((file) => readFileSync(join(DIST, file), "utf8")).join("\n");
const plain = text.replace(/\/\*[\s\S]*?\*\//g, "");

/** What is public of the package: values and types. */
export function exported() {
  const index = readFileSync(join(DIST, "index.d.ts"), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const listed = Array.from(index.matchAll(/export (?:type )?\{([^}]*)\}/g), ([, names]) => names.split(","));
  return listed.flat().map((name) => name.replace(/^\s*type\s+/, "").trim());
}

/**
 * The members of a type, each with what is written behind its name: of an interface or a class with those that it extends,
 * of a union of all of them.
 */
export function members(name) {
  const found = new Map();
  for (const [, bases, body] of blocks(plain, name)) {
    for (const base of bases.replace(/<[^{]*>/g, "").match(/\w+/g) ?? []) {
      if (!["extends", "implements", "Omit", "Error"].includes(base)) merge(found, members(base));
    }
    merge(found, listed(body));
  }
  // A union or an intersection of other types, and of what it lists itself.
  const type = written(name);
  merge(found, listed(type));
  for (const [, part] of type.matchAll(/(?:[|&]|^)\s*([A-Z]\w+)/g)) merge(found, members(part));
  return found;
}

/** The members in the body of a type, each with its own type. */
function listed(body) {
  const member =
    /^ {4}(?:(?:readonly|get|abstract|declare) )*(\w+)\??((?:<[^\n]*?>)?\([\s\S]*?|:[\s\S]*?);$/gm;
  const found = Array.from(body.matchAll(member), ([, name, type]) => [name, type]);
  return found.filter(([name]) => name !== "constructor" && name !== "private");
}

function merge(into, more) {
  for (const [name, type] of more) into.set(name, `${into.get(name) ?? ""} | ${type}`);
}

function* blocks(source, name) {
  const block = new RegExp(`(?:interface|class) ${name}\\b(?:<[^{]*?>)?([^{]*)\\{([\\s\\S]*?)\\n\\}`, "g");
  yield* source.matchAll(block);
}

/** What stands behind the name of a type that is no interface. */
function written(name) {
  const alias = new RegExp(
    `type ${name}\\b(?:<.*?>)? =(.*?);\\n(?=\\s*(?:export|declare|interface|import|type|$))`,
    "s",
  );
  return alias.exec(plain)?.[1] ?? "";
}

/** The words of a type as it is written, those of the names in it included. */
export function words(type) {
  const here = Array.from(type.matchAll(/"([^"]+)"/g), ([, word]) => word);
  const named = Array.from(new Set(type.match(/\b[A-Z]\w+/g) ?? []), written);
  return [...new Set([...here, ...named.filter((other) => /^[\s|"\w]+$/.test(other)).flatMap(words)])];
}

/** The parameters of a method: each with its type. */
export function parameters(written) {
  const list = written.slice(written.indexOf("(") + 1);
  const found = new Map();
  let depth = 0;
  let one = "";
  for (const letter of list) {
    if (depth === 0 && (letter === "," || letter === ")")) {
      const [, name, type] = /^\s*(\w+)\??:([\s\S]*)$/.exec(one) ?? [];
      if (name) found.set(name, type);
      one = "";
      if (letter === ")") return found;
    } else {
      depth += "({[<".includes(letter) ? 1 : ")}]>".includes(letter) ? -1 : 0;
      one += letter;
    }
  }
  return found;
}

/** The comment above a member. */
export function comment(type, name) {
  for (const [, , body] of blocks(text, type)) {
    const [, said] =
      new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*readonly ${name}\\??:`).exec(body) ?? [];
    if (said) return said.replace(/\s*\n\s*\*\s*/g, " ").trim();
  }
  return undefined;
}
