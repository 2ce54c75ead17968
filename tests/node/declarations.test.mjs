// The declarations, as an editor reads them: each name is explained, and each type that is spoken of can be named.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checker, exported, isOurs, resolved, ts } from "./declarations.mjs";

const explained = (symbol) => symbol.getDocumentationComment(checker).length > 0;

/** The members of interfaces, classes, and of the objects that types are made of. */
function members(declaration) {
  const found = [];
  const visit = (node) => {
    const inner = (ts.isClassElement(node) || ts.isTypeElement(node)) && node.name;
    if (inner && !ts.isPrivateIdentifier(inner) && !ts.isNamedTupleMember(node)) found.push(node);
    // What a type is compared with is a question, and no member of anything.
    if (ts.isConditionalTypeNode(node)) [node.checkType, node.trueType, node.falseType].forEach(visit);
    else if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  ts.forEachChild(declaration, visit);
  return found;
}

/** Whether a tag such as `@throws` explains it, where no sentence does. */
const tagged = (node) => ts.getJSDocTags(node).length > 0;

test("every_name_that_is_exported_and_every_member_of_it_has_a_doc_comment", () => {
  assert.ok(exported.length > 50);
  const silent = [];
  for (const symbol of exported) {
    if (!explained(symbol)) silent.push(symbol.name);
    for (const declaration of symbol.declarations.filter(isOurs)) {
      for (const member of members(declaration)) {
        const inner = checker.getSymbolAtLocation(member.name);
        if (inner && !explained(inner) && !tagged(member))
          silent.push(`${symbol.name}.${member.name.getText()}`);
      }
    }
  }
  assert.deepEqual([...new Set(silent)], []);
});

test("every_type_that_is_spoken_of_can_be_imported", () => {
  const known = new Set(exported);
  const unknown = new Set();
  for (const symbol of exported) {
    for (const declaration of symbol.declarations.filter(isOurs)) {
      const visit = (node) => {
        if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
          const named = checker.getSymbolAtLocation(
            ts.isTypeReferenceNode(node) ? node.typeName : node.expression,
          );
          const type = named && resolved(named);
          const foreign = !type?.declarations?.some(isOurs) || type.flags & ts.SymbolFlags.TypeParameter;
          if (!foreign && !known.has(type)) unknown.add(`${symbol.name}: ${type.name}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(declaration);
    }
  }
  assert.deepEqual([...unknown], []);
});
