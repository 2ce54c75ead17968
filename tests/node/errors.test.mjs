// Errors: a class for each kind, the caller's line, and no secret in any way of printing one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import * as library from "cxone-actions";
import {
  ACTION,
  accessTo,
  connected,
  FAILS,
  IS_CANCELLED,
  NEVER_ENDS,
  node,
  REQUEST,
  rejection,
  thrown,
} from "./support.mjs";

const { AbortError, Client, CxoneError } = library;
const FIELDS = [
  "kind",
  "code",
  "hint",
  "executed",
  "httpStatus",
  "gatewayCode",
  "requestId",
  "retryAfterMs",
  "attempts",
  "actionId",
  "correlationId",
  "invocationId",
  "resumeToken",
  "lastStatus",
  "violations",
];
const KINDS = [
  ["config", "ConfigError", "no"],
  ["validation", "ValidationError", "no"],
  ["denied", "AccessDeniedError", "no"],
  ["auth", "AuthenticationError", "no"],
  ["forbidden", "PermissionDeniedError", "no"],
  ["rejected", "RequestRejectedError", "no"],
  ["rate_limited", "RateLimitedError", "no"],
  ["unavailable", "UnavailableError", "no"],
  ["overloaded", "OverloadedError", "no"],
  ["outcome_unknown", "OutcomeUnknownError", "unknown"],
  ["poll_timeout", "PollTimeoutError", "yes"],
  ["protocol", "ProtocolError", "yes"],
  ["action_failed", "ActionFailedError", "yes"],
  ["action_cancelled", "ActionCancelledError", "yes"],
  ["audit", "AuditError", "no"],
  ["closed", "ClosedError", "no"],
];

test("every_kind_has_its_class_and_answers_whether_it_was_executed", () => {
  for (const [kind, name, executed] of KINDS) {
    const error = new library[name]("it broke");
    assert.ok(error instanceof CxoneError && error instanceof Error);
    assert.deepEqual(
      [error.kind, error.code, error.name, error.executed, error.message],
      [kind, `CXONE_${kind.toUpperCase()}`, name, executed, "it broke"],
    );
    assert.deepEqual(Object.keys(error.toJSON()), ["name", "message", ...FIELDS]);
    for (const field of FIELDS.filter((field) => !["kind", "code", "executed"].includes(field)))
      assert.equal(error[field], null, field);
    assert.equal(String(error), `${name}: it broke`);
    const ofAUsers = new (class extends library[name] {})("it broke");
    assert.deepEqual([ofAUsers.kind, ofAUsers.executed], [kind, executed]);
    assert.ok(!(error instanceof AbortError));
  }
  const classes = Object.values(library).filter((value) => value?.prototype instanceof CxoneError);
  assert.equal(classes.length, KINDS.length);
});

test("what_the_gateway_and_the_client_refuse_arrives_as_its_class", async (t) => {
  const cases = [
    [
      "invoke",
      { status: 400, body: { code: "bad.request", message: "no such field" } },
      "RequestRejectedError",
      { httpStatus: 400, code: "CXONE_REJECTED", gatewayCode: "bad.request" },
    ],
    ["invoke", { status: 403 }, "PermissionDeniedError", { httpStatus: 403 }],
    ["invoke", { status: 429, retryAfter: 100 }, "RateLimitedError", { retryAfterMs: 100_000 }],
    ["invoke", { close: "after_request" }, "OutcomeUnknownError", { executed: "unknown" }],
    ["token", { status: 400, body: { error: "invalid_client" } }, "AuthenticationError", { executed: "no" }],
  ];
  for (const [point, fault, name, fields] of cases) {
    const { client, sandbox } = connected(t);
    sandbox.inject(point, fault, 10);
    const error = await rejection(client.run({ ...REQUEST, correlationId: "corr-001" }));
    assert.ok(error instanceof library[name], inspect(error));
    for (const [field, value] of Object.entries(fields))
      assert.equal(error[field], value, `${name} ${field}`);
    assert.equal(error.correlationId, "corr-001");
    assert.ok(error.hint);
  }
});

test("a_poll_timeout_carries_what_goes_on_waiting", async (t) => {
  const { client } = connected(t);
  const error = await rejection(client.run({ actionId: NEVER_ENDS, inputs: {} }, { timeoutMs: 1500 }));
  assert.ok(error instanceof library.PollTimeoutError);
  assert.equal(error.executed, "yes");
  assert.equal(error.lastStatus, "RUNNING");
  const again = await rejection(client.poll(error.resumeToken, { timeoutMs: 40 }));
  assert.equal(again.invocationId, error.invocationId);
});

test("throwIfFailed_turns_a_failed_result_into_its_error_and_passes_a_good_one_through", async (t) => {
  const { client } = connected(t);
  const good = await client.run(REQUEST);
  assert.equal(good.throwIfFailed(), good);
  for (const [actionId, name] of [
    [FAILS, "ActionFailedError"],
    [IS_CANCELLED, "ActionCancelledError"],
  ]) {
    const result = await client.run({ actionId, inputs: {} });
    const error = thrown(() => result.throwIfFailed());
    assert.ok(error instanceof library[name]);
    assert.equal(error.executed, "yes");
    assert.equal(error.invocationId, result.invocationId);
    assert.ok(error.message.includes(result.errorMessage));
    assert.match(error.stack.split("\n")[1], /errors\.test\.mjs/);
  }
});

test("the_stack_shows_the_line_of_the_caller_however_the_call_is_waited_for", async (t) => {
  const { client } = connected(t);
  const bad = { actionId: "not a uuid" };
  const ways = {
    awaited: async () => await client.run(bad),
    chained: () => client.run(bad).then((result) => result),
    invoked: () => client.invoke(bad),
    polled: () => client.poll("../x"),
    refusedAtOnce: () => client.run(REQUEST, { timeoutMs: -1 }),
    misspelt: () => client.run(REQUEST, { timeout: 1 }),
    constructed: async () => new Client({ baseUrl: 7 }),
    filtered: async () => client.audit.records({ event: "no such event" }),
    many: async () => client.runMany(7),
  };
  for (const [name, way] of Object.entries(ways)) {
    const error = await rejection(way());
    assert.ok(error instanceof CxoneError, inspect(error));
    const lines = error.stack.split("\n");
    assert.equal(lines[0], `${error.name}: ${error.message}`.split("\n")[0]);
    assert.match(lines[1], new RegExp(`${name}.*errors\\.test\\.mjs`), error.stack);
    assert.doesNotMatch(error.stack, /bindings-node/);
  }
});

test("options_that_cannot_work_are_all_named_at_once_before_any_network", () => {
  const error = thrown(
    () =>
      new Client({
        baseURL: "https://x.example",
        timeoutMs: -1,
        maxAttempts: 0,
        clientAuth: "magic",
        rateLimit: "x",
      }),
  );
  assert.ok(error instanceof library.ConfigError);
  assert.match(error.message, /did you mean `baseUrl`/);
  for (const name of [
    "baseURL",
    "timeoutMs",
    "maxAttempts",
    "clientAuth",
    "rateLimit",
    "baseUrl",
    "clientId",
  ])
    assert.ok(
      error.violations.some(({ path }) => path === name),
      name,
    );
  for (const [options, part] of [
    [{ timeoutMs: Number.NaN }, /`timeoutMs` must be .*got NaN/],
    [{ clientId: () => "t" }, /`clientId` must be .*got function/],
    [{ policy: new Map() }, /`policy` must be .*got Map/],
    [
      { policy: { action: [{ id: ACTION, inputs: { a: { pattern: /x/ } } }] } },
      /`policy\.action\[0\]\.inputs\.a\.pattern` must be .*got RegExp/,
    ],
    ["https://x.example", /options must be/],
    [null, /options must be/],
  ]) {
    assert.match(thrown(() => new Client(options)).message, part);
  }
});

test("an_option_that_is_undefined_is_not_given", (t) => {
  const { sandbox } = connected(t);
  const client = new Client({
    ...accessTo(sandbox),
    scope: undefined,
    policy: undefined,
    timeoutMs: undefined,
  });
  t.after(() => client.close());
});

test("a_closed_client_says_so_and_closes_twice", async (t) => {
  const { client } = connected(t);
  await client.run(REQUEST);
  await client.close();
  await client.close();
  for (const call of [client.run(REQUEST), client.invoke(REQUEST), client.poll("inv-1")]) {
    const error = await rejection(call);
    assert.ok(error instanceof library.ClosedError, inspect(error));
    assert.equal(error.executed, "no");
  }
  assert.equal(client.metrics().completed, 1, "the numbers can still be read");
});

test("no_secret_and_no_input_value_is_in_any_way_of_printing_anything", async (t) => {
  const CANARY = "c4n4ry-s3cr3t";
  const VALUE = "v4lu3-0f-4n-1nput";
  const sandbox = new library.Sandbox({ clientSecret: CANARY, completeAfterMs: 1 });
  const client = new Client(accessTo(sandbox));
  t.after(async () => {
    await client.close();
    sandbox.close();
  });
  const request = { actionId: NEVER_ENDS, inputs: { customerId: VALUE } };
  const invocation = await client.invoke(request);
  const errors = [await rejection(client.poll(invocation, { timeoutMs: 40 }))];
  for (const fault of [{ status: 400, body: `no: ${"x".repeat(10)}` }, { status: 500 }, { close: "reset" }]) {
    sandbox.inject("invoke", fault);
    errors.push(await rejection(client.run(request)));
  }
  errors.push(await rejection(client.run({ actionId: "x", inputs: { customerId: VALUE, bad: Number.NaN } })));
  errors.push(thrown(() => new Client({ baseUrl: "ftp://nowhere", clientSecret: CANARY, clientId: "id" })));
  errors.push(await rejection(client.run(request, { signal: AbortSignal.abort() })));
  const objects = [
    client,
    client.audit,
    client.metrics(),
    sandbox,
    invocation,
    ...errors,
    client.audit.verify(),
  ];
  for (const object of objects) {
    for (const text of [
      inspect(object, { depth: 20, showHidden: true, getters: false }),
      inspect(object),
      JSON.stringify(object),
      String(object),
      object.stack ?? "",
    ]) {
      assert.ok(!text.includes(CANARY), text);
      assert.ok(!text.includes(VALUE), text);
      assert.doesNotMatch(text, /Bearer\s+[A-Za-z0-9]/);
    }
  }
  const trail = JSON.stringify([...client.audit.records()]);
  assert.ok(!trail.includes(CANARY) && !trail.includes(VALUE));
});

test("the_cause_is_what_the_system_said_and_no_field_of_the_error", async (t) => {
  const { sandbox } = connected(t);
  const client = new Client({ ...accessTo(sandbox), maxAttempts: 1 });
  t.after(() => client.close());
  sandbox.close();
  const error = await rejection(client.run(REQUEST));
  assert.ok(error.cause instanceof Error);
  assert.equal(error.cause.code, "ECONNREFUSED");
  assert.match(inspect(error), /cause: .*connection refused.*\n? *code: 'ECONNREFUSED'/s);
  assert.deepEqual(Object.keys(error.toJSON()).sort(), ["message", "name", ...FIELDS].sort());
  assert.ok(!("cause" in new CxoneError("made by hand")) && !Object.keys(error).includes("cause"));
  assert.equal(new library.UnavailableError("by hand", { cause: error.cause }).cause, error.cause);
});

test("an_error_that_nobody_catches_is_printed_with_its_code_and_without_what_does_not_apply", async () => {
  const program = `const { Client } = require("cxone-actions");
    new Client({ baseUrl: "https://x.example", token: "t" }).invoke({ actionId: "x" });`;
  const { code, stderr } = await node(["-e", program]);
  assert.equal(code, 1);
  assert.match(stderr, /ValidationError: /);
  assert.match(stderr, /code: 'CXONE_VALIDATION'/);
  assert.doesNotMatch(stderr, /: null|undefined/);
});

test("an_error_inspects_as_its_stack_and_the_fields_that_apply", async (t) => {
  const { client } = connected(t);
  const error = await rejection(client.run({ actionId: "x" }));
  const text = inspect(error);
  assert.match(text, /^ValidationError: /);
  assert.match(text, /errors\.test\.mjs/);
  assert.match(text, /executed: 'no'/);
  assert.doesNotMatch(text, /null/);
  assert.deepEqual(Object.keys(error.toJSON()).sort(), ["message", "name", ...FIELDS].sort());
  assert.equal(JSON.parse(JSON.stringify(error)).kind, "validation");
});
