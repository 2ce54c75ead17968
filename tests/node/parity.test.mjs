// The package says what the core's table of the surface says, in the words of Node, and nothing else. What the table has and
// Node has not fails here, and what Node has and the table has not fails too.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import * as library from "cxone-actions";
import { comment, DIST, exported, members, parameters, wordsOf, wordsOfType } from "./declarations.mjs";
import { ACTION, AT_ONCE, connected, INPUTS, rejection } from "./support.mjs";

const surface = JSON.parse(createRequire(import.meta.url)(join(DIST, "native.js")).native.surface());
const sorted = (names) => [...names].sort();
const node = (rows) => sorted(rows.map((row) => row.node));
const CLASSES = {
  Client: surface.methods,
  AuditTrail: surface.trail_methods,
  CallbackListener: surface.listener_methods,
  Sandbox: surface.sandbox.members,
};

function alone(of) {
  const rows = surface.alone.filter((row) => row.language === "node" && row.of === of);
  return rows.flatMap(({ names }) => names);
}

const listed = (of) => surface.words.find((list) => list.of === of)?.words ?? [];

test("every_option_of_the_table_is_declared_and_the_other_way_round", () => {
  for (const [type, table] of [
    ["ClientOptions", surface.options],
    ["SandboxOptions", surface.sandbox.options],
    ["SandboxAction", surface.sandbox.action],
    ["Fault", surface.sandbox.fault],
    ["ActionRequest", surface.fields.ActionRequest],
    ["AuditFilter", surface.trail_methods[0].params],
  ]) {
    assert.deepEqual(sorted(members(type).keys()), sorted([...node(table), ...alone(type)]), type);
  }
});

test("the_documentation_of_an_option_names_its_variable_and_its_default", () => {
  const times = { seconds: 1000, count: 1 };
  for (const [type, options] of [
    ["ClientOptions", surface.options],
    ["SandboxOptions", surface.sandbox.options],
  ]) {
    for (const { node: name, env, default: usual } of options) {
      const said = comment(type, name);
      assert.ok(said, `${type}.${name} has no comment`);
      assert.ok(said.includes(env ?? ""), `${name}: ${env} is not in "${said}"`);
      const [, number] = /^([\d.]+)(?: s)?$/.exec(usual) ?? [];
      if (number === undefined) continue;
      const value = Number(number) * (name.endsWith("Ms") ? times.seconds : times.count);
      const spelled = [
        String(value),
        value.toLocaleString("en"),
        ...(value === 3_600_000 ? ["an hour"] : []),
      ];
      assert.ok(
        spelled.some((text) => said.includes(text)),
        `${name}: ${value} is not in "${said}"`,
      );
    }
  }
});

test("a_class_has_the_members_of_the_table_and_no_others", () => {
  for (const [name, methods] of Object.entries(CLASSES)) {
    const wanted = methods.filter(({ form }) => form !== "constructor").map((method) => method.node);
    const own = Object.getOwnPropertyNames(library[name].prototype).filter((it) => it !== "constructor");
    assert.deepEqual(sorted(own), sorted([...wanted, ...alone(name)]), name);
    assert.deepEqual(sorted(members(name).keys()), sorted([...wanted, ...alone(name)]), `${name}, declared`);
  }
});

test("every_method_has_the_parameters_of_the_table", async (t) => {
  const { client, sandbox } = connected(t);
  const listener = await client.listenCallbacks();
  const objects = { Client: client, AuditTrail: client.audit, CallbackListener: listener, Sandbox: sandbox };
  for (const [type, methods] of Object.entries(CLASSES)) {
    for (const { node: name, form, params } of methods) {
      if (form === "constructor" || form === "property") continue;
      const at = (place) => params.filter((param) => param.node_place === place).map((param) => param.node);
      const objectsOf = ["request", "filter", "name"].filter((place) => at(place).length > 0);
      const wanted = [...at("position"), ...objectsOf.map((place) => (place === "name" ? "options" : place))];
      assert.deepEqual([...parameters(members(type).get(name)).keys()], wanted, `${type}.${name}`);
      for (const request of at("request")) assert.ok(members("ActionRequest").has(request), request);
      if (at("name").length === 0) continue;
      const before = wanted.slice(0, -1).map(() => ({ actionId: AT_ONCE }));
      const call = async () => objects[type][name](...before, { anything: 1 });
      const { message } = await rejection(call());
      const [, known] = /is not an option of this call; it takes (.*)$/.exec(message) ?? [];
      assert.deepEqual(sorted(known.match(/\w+/g)), sorted(at("name")), `${type}.${name}: ${message}`);
    }
  }
  const [concurrency] = surface.methods
    .flatMap(({ params }) => params)
    .filter(({ name }) => name === "concurrency");
  assert.ok(comment("RunManyOptions", "concurrency").includes(`Default ${concurrency.default}.`));
});

test("every_kind_of_error_is_a_class_with_the_fields_of_the_table", () => {
  const { version, errors } = surface;
  assert.equal(library.version, version);
  const fields = node(surface.fields.CxoneError);
  assert.deepEqual(sorted([...members("ErrorFields").keys(), "message"]), fields);
  assert.deepEqual(sorted(wordsOfType("ErrorKind")), sorted(errors.map(({ kind }) => kind)));
  for (const { class: name, kind, code, executed } of errors) {
    const error = new library[name]("it broke");
    assert.ok(error instanceof library.CxoneError && library.isCxoneError(error));
    assert.deepEqual([error.kind, error.code, error.executed], [kind, code, executed]);
    assert.deepEqual(sorted(Object.keys(error.toJSON())), sorted([...fields, "name"]));
    for (const field of fields) assert.ok(field in error, `${name}.${field}`);
  }
});

test("the_package_exports_what_the_table_names_and_nothing_else", () => {
  const errors = surface.errors.map((error) => error.class);
  const known = new Set([
    ...Object.keys(surface.fields),
    ...Object.keys(surface.types),
    ...Object.keys(CLASSES),
    ...errors,
  ]);
  const values = [...Object.keys(library)].filter(
    (name) => !["default", "module.exports", "__esModule"].includes(name),
  );
  assert.deepEqual(values.filter((name) => !known.has(name)).sort(), sorted([...alone(""), "version"]));
  const all = new Set([...exported.map(({ name }) => name), ...values]);
  assert.deepEqual(
    [...known].filter((name) => !all.has(name)),
    [],
  );
});

test("every_word_of_the_table_is_in_the_types", () => {
  for (const { of, words: wanted } of surface.words) {
    const [type, ...rest] = of.split(".");
    const name = rest.at(-1);
    const written =
      rest.length === 2
        ? (parameters(members(type).get(rest[0])).get(name) ?? members("AuditFilter").get(name))
        : members(type === "option" ? "ClientOptions" : type).get(
            type === "option" ? surface.options.find((option) => option.name === name).node : name,
          );
    assert.ok(written, of);
    assert.deepEqual(sorted(wordsOf(written)), sorted(wanted), of);
  }
  assert.deepEqual(sorted(wordsOfType("TrailEvent")), sorted(listed("AuditTrail.records.event")));
});

test("what_comes_back_has_exactly_the_fields_of_the_table", async (t) => {
  const { client, sandbox } = connected(t);
  const invocation = await client.invoke({ actionId: ACTION, inputs: INPUTS });
  const result = await client.poll(invocation);
  const metrics = client.metrics();
  const given = {
    Invocation: invocation,
    ActionResult: result,
    Metrics: metrics,
    Distribution: metrics.duration,
    Verification: client.audit.verify(),
    Verdict: client.check({ actionId: ACTION, inputs: INPUTS }),
    Outcome: await first(client),
    Violation: client.check({ actionId: "" }).violations[0],
    SeenRequest: sandbox.requests[0],
  };
  for (const [name, fields] of Object.entries(surface.fields)) {
    if (name === "ActionRequest" || name === "CxoneError") continue;
    const methods = surface.result_methods
      .filter(([of]) => of === name || of === "every value")
      .map((row) => row[3]);
    const declared = [...members(name).keys()].filter((member) => !methods.includes(member));
    assert.deepEqual(sorted(declared), sorted([...fields.map((field) => field.node), ...alone(name)]), name);
    if (name in given) assert.deepEqual(sorted(Object.keys(given[name])), node(fields), `${name}, as it is`);
  }
  const [action] = Object.values(metrics.byAction);
  const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  assert.deepEqual(sorted(Object.keys(action)), sorted(surface.types.ActionMetrics.map(camel)));
  for (const [of, , , name] of surface.result_methods) {
    if (of in given) assert.equal(typeof given[of][name], "function", `${of}.${name}`);
  }
});

async function first(client) {
  for await (const outcome of client.runMany([{ actionId: AT_ONCE, inputs: {} }])) return outcome;
}
