// What the package declares: the declarations that are published, as the compiler reads them for an editor.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ROOT } from "./support.mjs";

export const ts = createRequire(join(ROOT, "tests", "node", "runners", "package.json"))("typescript");
export const DIST = join(ROOT, "bindings-node", "dist");

const ENTRY = join(DIST, "index.d.ts");
const options = { strict: true, target: ts.ScriptTarget.ES2022, lib: ["lib.esnext.d.ts"], types: [] };
const program = ts.createProgram([ENTRY], options);
export const checker = program.getTypeChecker();

/** What a name that is exported again stands for. */
export const resolved = (symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const inFile = (file) => checker.getExportsOfModule(checker.getSymbolAtLocation(file)).map(resolved);

/** What is public of the package, values and types. */
export const exported = inFile(program.getSourceFile(ENTRY));

export const isOurs = (node) => node.getSourceFile().fileName.startsWith(DIST);

const declared = program.getSourceFiles().filter(isOurs).flatMap(inFile);

/** A type by its name, wherever in the package it is declared. */
function typeOf(name) {
  const found = declared.find((symbol) => symbol.name === name);
  assert.ok(found, `${name} is not declared`);
  return checker.getDeclaredTypeOfSymbol(found);
}

/** The members of a type, by name: of a union those of all of its parts. Those that every error and iterator has are none. */
export function members(name) {
  const type = typeOf(name);
  const found = new Map();
  for (const part of type.isUnion() ? type.types : [type]) {
    for (const member of checker.getPropertiesOfType(part)) {
      const ours = member.declarations?.some(isOurs);
      if (ours && /^\w+$/.test(member.name))
        found.set(member.name, [...(found.get(member.name) ?? []), member]);
    }
  }
  return found;
}

/** The texts that a type, or one that it is made of, may be. */
export function words(type) {
  const said = new Set();
  const visit = (part) => {
    if (part.isStringLiteral()) said.add(part.value);
    else if (part.isUnionOrIntersection()) part.types.forEach(visit);
    else if (checker.isArrayType(part)) checker.getTypeArguments(part).forEach(visit);
  };
  visit(type);
  return [...said];
}

/** The type of a member, which is that of all that have its name. */
export const wordsOf = (symbols) => [...new Set(symbols.flatMap((it) => words(checker.getTypeOfSymbol(it))))];

/** The words of a type that has a name. */
export const wordsOfType = (name) => words(typeOf(name));

/** The parameters of a method, by name. */
export function parameters([method]) {
  const [signature] = checker.getTypeOfSymbol(method).getCallSignatures();
  return new Map((signature?.parameters ?? []).map((parameter) => [parameter.name, [parameter]]));
}

/** The comment above a member, on one line. */
export function comment(type, name) {
  const [member] = members(type).get(name) ?? [];
  const said = member && ts.displayPartsToString(member.getDocumentationComment(checker));
  return said?.replace(/\s+/g, " ").trim() || undefined;
}
