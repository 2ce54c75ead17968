// What crosses the border arrives exactly, or is refused with its place.
import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import fc from "fast-check";
import { ACTION, AT_ONCE, connected, ECHO, INPUTS, rejection } from "./support.mjs";

const sent = (sandbox) => sandbox.requests.filter(({ point }) => point === "invoke").map(({ body }) => body);

test("values_are_sent_exactly_as_they_are_and_come_back_as_they_were", async (t) => {
  const { client, sandbox } = connected(t);
  const cases = [
    ["text", '"text"'],
    ["", '""'],
    ["ünï😀\u2028", '"ünï😀\u2028"'],
    [0, "0"],
    [-0, "-0"],
    [1.5, "1.5"],
    [5e-324, "5e-324"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991"],
    [2n ** 53n + 1n, "9007199254740993"],
    [-(2n ** 53n) - 1n, "-9007199254740993"],
    [2n ** 63n, "9223372036854775808"],
    [10n ** 40n, `1${"0".repeat(40)}`],
    [true, "true"],
    [false, "false"],
    [null, "null"],
  ];
  const inputs = Object.fromEntries(cases.map(([value], index) => [`k${index}`, value]));
  const result = await client.run({ actionId: ECHO, inputs });
  assert.deepEqual(result.outputs, inputs);
  assert.ok(Object.is(result.outputs.k4, -0));
  const [body] = sent(sandbox);
  const text = cases.map(([, text], index) => `"k${index}":${text}`).join(",");
  assert.ok(body.includes(`"inputs":{${text}}`), body);
});

test("keys_of_every_kind_are_carried_or_refused_and_never_dropped", async (t) => {
  const { client, sandbox } = connected(t);
  const inputs = JSON.parse('{"__proto__":"own","constructor":"c","a/b~c":"slash","toString":"t"}');
  const { outputs } = await client.run({ actionId: ECHO, inputs });
  assert.deepEqual(Object.entries(outputs), Object.entries(inputs));
  assert.equal(Object.getPrototypeOf(outputs), Object.prototype);
  sandbox.clear();

  const refused = [
    [{ "": 1 }, "/inputs/"],
    [{ "a\0b": 1 }, "/inputs/a\0b"],
    [{ "x\ud800": 1 }, "/inputs/x\ufffd"],
  ];
  for (const [bad, path] of refused) {
    const { kind, violations } = await rejection(client.run({ actionId: ECHO, inputs: bad }));
    assert.equal(kind, "validation");
    assert.deepEqual(
      violations.map((v) => v.path),
      [path],
    );
  }
  const unknown = await rejection(
    client.run({ actionId: ECHO, inputs: {}, callbackURL: "https://example.com" }),
  );
  assert.deepEqual(
    unknown.violations.map((v) => [v.path, v.code]),
    [["/callbackURL", "unknown_field"]],
  );
  assert.match(unknown.message, /did you mean `callbackUrl`/);
  assert.deepEqual(sandbox.requests, []);
});

test("what_json_cannot_say_is_refused_with_its_place_all_at_once_and_nothing_is_sent", async (t) => {
  const { client, sandbox } = connected(t);
  const cycle = {};
  cycle.self = cycle;
  class Money {}
  const { proxy: revoked, revoke } = Proxy.revocable([], {});
  revoke();
  const cases = [
    [Number.NaN, "non_finite"],
    [Number.POSITIVE_INFINITY, "non_finite"],
    [2 ** 53, "inexact_integer"],
    [1e300, "inexact_integer"],
    ["\udc00", "lone_surrogate"],
    [undefined, "unsupported_type"],
    [() => 1, "unsupported_type"],
    [Symbol("s"), "unsupported_type"],
    [new Date(0), "unsupported_type"],
    [new Map([["a", 1]]), "unsupported_type"],
    [new Set([1]), "unsupported_type"],
    [new Uint8Array(2), "unsupported_type"],
    [new Money(), "unsupported_type"],
    [new String("boxed"), "unsupported_type"],
    [Promise.resolve(1), "unsupported_type"],
    [revoked, "unsupported_type"],
    [
      new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error("secret");
          },
        },
      ),
      "unsupported_type",
    ],
  ];
  const inputs = Object.fromEntries(cases.map(([value], index) => [`k${index}`, value]));
  Object.defineProperty(inputs, "getter", {
    enumerable: true,
    get: () => {
      throw new Error("secret");
    },
  });
  const error = await rejection(client.run({ actionId: ACTION, inputs }));
  assert.equal(error.kind, "validation");
  assert.equal(error.executed, "no");
  const expected = [
    ...cases.map(([, code], index) => [`/inputs/k${index}`, code]),
    ["/inputs/getter", "unsupported_type"],
  ];
  assert.deepEqual(
    error.violations.map((v) => [v.path, v.code]),
    expected,
  );
  assert.match(error.message, /`inputs\.k0` must be a finite number, got NaN/);
  assert.doesNotMatch(error.message, /secret/);

  for (const [bad, code] of [
    [{ a: cycle }, "cycle"],
    [{ [Symbol("x")]: 1 }, "key_type"],
  ]) {
    const { violations } = await rejection(client.run({ actionId: ACTION, inputs: bad }));
    assert.ok(
      violations.some((v) => v.code === code),
      JSON.stringify(violations),
    );
  }
  for (const notARequest of [undefined, null, 7, "text", [], new Date(0), Symbol("s")]) {
    const { kind } = await rejection(client.run(notARequest));
    assert.equal(kind, "validation", String(notARequest));
  }
  assert.deepEqual(sandbox.requests, [], "not even a token was asked for");
});

test("toJSON_is_never_called_and_inherited_fields_are_no_fields", async (t) => {
  const { client } = connected(t);
  let called = 0;
  const toJSON = () => {
    called += 1;
    return "converted";
  };
  const error = await rejection(
    client.run({ actionId: ACTION, inputs: { a: { toJSON }, b: Object.assign(() => 1, { toJSON }) } }),
  );
  assert.equal(error.kind, "validation");
  assert.equal(called, 0);
  const { violations } = await rejection(client.run(Object.create({ actionId: ACTION })));
  assert.deepEqual(
    violations.map((v) => v.path),
    ["/actionId"],
  );
});

test("plain_objects_of_any_realm_and_prototype_are_fine_and_undefined_fields_are_not_given", async (t) => {
  const { client } = connected(t);
  const bare = Object.assign(Object.create(null), { a: 1 });
  const foreign = vm.runInNewContext("({ a: 1 })");
  class Request {
    actionId = AT_ONCE;
    inputs = bare;
    correlationId = undefined;
  }
  for (const request of [
    new Request(),
    { actionId: AT_ONCE, inputs: foreign },
    { action_id: AT_ONCE, inputs: { a: 1 }, callbackUrl: undefined },
  ]) {
    const { outputs } = await client.run(request);
    assert.deepEqual(outputs, { a: 1 });
  }
  const { violations } = await rejection(client.run({ action_id: Number.NaN }));
  assert.deepEqual(
    violations.map((v) => [v.path, v.code]),
    [["/actionId", "non_finite"]],
  );
});

test("any_json_that_the_contract_allows_survives_the_round_trip", async (t) => {
  const { client } = connected(t);
  const value = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", "0")),
    fc.maxSafeInteger(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n)),
    fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).filter((n) => n > 2n ** 53n || n < -(2n ** 53n)),
    fc.boolean(),
    fc.constant(null),
  );
  const key = fc.string({ unit: "binary", minLength: 1 }).filter((text) => !text.includes("\0"));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(key, value, { maxKeys: 8 }), async (inputs) => {
      const { outputs } = await client.run({ actionId: AT_ONCE, inputs });
      assert.deepEqual({ ...outputs }, { ...inputs });
    }),
    { numRuns: 60 },
  );
});

test("outputs_of_every_shape_arrive_as_the_gateway_wrote_them", async (t) => {
  const { client, sandbox } = connected(t);
  const cases = [
    ["0", 0],
    ['""', ""],
    ["false", false],
    ["null", null],
    ["1e23", 1e23],
    [`1${"0".repeat(23)}`, 10n ** 23n],
    ["9007199254740993", 2n ** 53n + 1n],
    ["-9007199254740993", -(2n ** 53n) - 1n],
    ["1234567890123456.5", 1234567890123456.5],
    ['{"__proto__":{"x":1},"id":12345678901234567890}', JSON.parse('{"__proto__":{"x":1},"id":0}')],
    ['"1234567890123456789"', "1234567890123456789"],
    [
      '["\\"}],[", {"a\\\\": [ ]}, {} , 12345678901234567890, -0.0]',
      ['"}],[', { "a\\": [] }, {}, 12345678901234567890n, -0],
    ],
    [`${"[".repeat(400)}12345678901234567890${"]".repeat(400)}`, undefined],
  ];
  for (const [text, expected] of cases) {
    const body = `{"invocationId":"inv-1","status":"COMPLETED","outputs":${text}}`;
    sandbox.inject("invoke", { body, headers: { "content-type": "application/json" }, executed: true });
    const { outputs } = await client.run({ actionId: ACTION, inputs: INPUTS_OF_CASE });
    if (expected === undefined) {
      let inner = outputs;
      while (Array.isArray(inner)) [inner] = inner;
      assert.equal(inner, 12345678901234567890n);
    } else if (typeof expected === "object" && expected !== null && "id" in expected) {
      assert.deepEqual(Object.keys(outputs), ["__proto__", "id"]);
      assert.equal(outputs.id, 12345678901234567890n);
      assert.equal(outputs.x, undefined);
    } else {
      assert.deepEqual(outputs, expected);
    }
  }
  sandbox.inject("invoke", { body: { invocationId: "inv-1", status: "COMPLETED" }, executed: true });
  assert.equal((await client.run({ actionId: ACTION, inputs: INPUTS_OF_CASE })).outputs, null);
});

const INPUTS_OF_CASE = { customerId: "C-1" };

test("a_copy_of_an_invocation_can_be_polled_as_the_invocation_itself", async (t) => {
  const { client } = connected(t);
  for (const copy of [
    (it) => ({ ...it }),
    (it) => JSON.parse(JSON.stringify(it)),
    ({ invocationId }) => ({ invocationId }),
  ]) {
    const invocation = await client.invoke({ actionId: ACTION, inputs: INPUTS });
    assert.equal((await client.poll(copy(invocation))).status, "COMPLETED");
  }
});

test("a_list_of_nothing_but_holes_is_refused_at_once", async (t) => {
  const { client, sandbox } = connected(t);
  const began = performance.now();
  const error = await rejection(client.run({ actionId: ECHO, inputs: { a: new Array(100_000_000) } }));
  assert.equal(error.kind, "validation");
  assert.ok(performance.now() - began < 2000);
  assert.deepEqual(sent(sandbox), []);
});
