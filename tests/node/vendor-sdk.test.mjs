// The sandbox speaks Genesys: the vendor's own SDK, which none of us wrote, works against it and understands it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Client, Sandbox } from "cxone-actions";
import { ACTION, ECHO, FAILS, folder, INPUTS, IS_CANCELLED, rejection } from "./support.mjs";

const DATA = "genesys-data-action";
const NESTED = { text: "é", list: [1, { deep: null }], flag: true, number: 0.5 };

/** A gateway, and the vendor's SDK let in to it. The SDK has one client for the whole process. */
async function connected(t, options) {
  const sandbox = new Sandbox({ completeAfterMs: 5, ...options });
  t.after(() => sandbox.close());
  return { sandbox, sdk: await letIn(t, sandbox, sandbox.clientSecret) };
}

async function letIn(t, { baseUrl, clientId }, secret) {
  // It reads and watches a configuration in the home folder: here an empty one.
  process.env.HOME = folder(t);
  for (const name of Object.keys(process.env)) if (/_proxy$/i.test(name)) delete process.env[name];
  const { default: sdk } = await import("purecloud-platform-client-v2");
  const { hostname, port } = new URL(baseUrl);
  sdk.ApiClient.instance.config.live_reload_config = false;
  sdk.ApiClient.instance.setGateway({ host: hostname, protocol: "http", port: Number(port) });
  sdk.ApiClient.instance.setReturnExtendedResponses(true);
  await sdk.ApiClient.instance.loginClientCredentialsGrant(clientId, secret);
  return sdk;
}

test("the_sdk_executes_and_describes_data_actions_and_reads_their_errors", async (t) => {
  const { sandbox, sdk } = await connected(t, { profile: DATA });
  const api = new sdk.IntegrationsApi();
  const created = await api.postIntegrationsActionExecute("custom_-_create-case", INPUTS);
  assert.equal(created.status, 200);
  assert.equal(created.body.queue, "priority-support");
  const { customerId, orderReference, priority } = created.body;
  assert.deepEqual({ customerId, orderReference, priority }, INPUTS);
  assert.match(created.headers["inin-correlation-id"], /^[0-9a-f-]{36}$/);
  assert.equal(created.headers["inin-ratelimit-count"], "1");
  assert.equal(created.headers["inin-ratelimit-allowed"], "300");

  const echoed = await api.postIntegrationsActionExecute("custom_-_echo", NESTED);
  assert.deepEqual(echoed.body, NESTED);

  const { body: action } = await api.getIntegrationsAction("custom_-_create-case", { expand: "contract" });
  assert.deepEqual([action.id, action.name], ["custom_-_create-case", "create-case"]);
  assert.deepEqual(action.contract.input.inputSchema.required, ["customerId"]);
  assert.equal(action.contract.output.successSchema.type, "object");

  const refusals = [
    ["custom_-_nothing", {}, 404, "not.found"],
    ["custom_-_create-case", { priority: 1 }, 400, "bad.request"],
  ];
  for (const [id, inputs, status, code] of refusals) {
    const error = await rejection(api.postIntegrationsActionExecute(id, inputs));
    assert.deepEqual([error.status, error.body.status, error.body.code], [status, status, code]);
    assert.equal(error.body.contextId, error.headers["inin-correlation-id"]);
  }
  const failed = await rejection(api.postIntegrationsActionExecute("custom_-_fails", {}));
  assert.equal(failed.status, 400);
  assert.equal(failed.body.errorCode, "action.failed");
  assert.equal(failed.body.correlationId, failed.headers["inin-correlation-id"]);
  const points = sandbox.requests.map(({ point, status }) => `${point} ${status}`);
  assert.deepEqual(points, [
    "token 200",
    "invoke 200",
    "invoke 200",
    "describe 200",
    "invoke 404",
    "invoke 400",
    "invoke 400",
  ]);
});

test("the_sdk_launches_flows_and_reads_how_they_ended", async (t) => {
  const { sandbox, sdk } = await connected(t, { profile: "genesys-flow" });
  const api = new sdk.ArchitectApi();
  const ended = async (flowId) => {
    const name = `vendor-${flowId}`;
    const { body: launched } = await api.postFlowsExecutions({ flowId, inputData: INPUTS, name });
    assert.equal(launched.name, name);
    for (;;) {
      const { body } = await api.getFlowsExecution(launched.id);
      assert.equal(body.id, launched.id);
      if (body.status !== "RUNNING") {
        assert.equal(sandbox.executions(name), 1);
        assert.ok(Math.abs(Date.parse(body.dateLaunched) - Date.now()) < 60_000);
        return body;
      }
      await pause(5);
    }
  };
  const created = await ended(ACTION);
  assert.deepEqual([created.status, created.outputData.queue], ["COMPLETED", "priority-support"]);
  assert.deepEqual((await ended(ECHO)).outputData, INPUTS);
  const failed = await ended(FAILS);
  assert.deepEqual(
    [failed.status, failed.flowErrorInfo.message],
    ["FAILED", "the upstream system refused the request"],
  );
  const cancelled = await ended(IS_CANCELLED);
  assert.deepEqual(
    [cancelled.status, cancelled.completionReason],
    ["TERMINATED", "cancelled by an operator"],
  );
  const unknown = await rejection(api.getFlowsExecution("00000000-0000-4000-8000-00000000ffff"));
  assert.deepEqual([unknown.status, unknown.body.code], [404, "not.found"]);
});

test("the_sdk_is_told_when_its_secret_is_wrong_and_when_it_asks_too_often", async (t) => {
  const { sandbox, sdk } = await connected(t, { profile: DATA, rateLimit: "1/60s" });
  const error = await rejection(letIn(t, sandbox, "wrong"));
  assert.deepEqual([error.response.status, error.response.data.error], [401, "invalid_client"]);
  const api = new sdk.IntegrationsApi();
  assert.equal((await api.postIntegrationsActionExecute("custom_-_echo", {})).status, 200);
  const refused = await rejection(api.postIntegrationsActionExecute("custom_-_echo", {}));
  assert.deepEqual([refused.status, refused.body.code], [429, "too.many.requests"]);
  assert.equal(refused.headers["retry-after"], refused.headers["inin-ratelimit-reset"]);
});

test("what_the_sdk_gets_is_what_this_library_gets", async (t) => {
  const { sandbox, sdk } = await connected(t, { profile: DATA });
  const { baseUrl, clientId, clientSecret } = sandbox;
  const client = new Client({ baseUrl, clientId, clientSecret, profile: DATA });
  t.after(() => client.close());
  const theirs = await new sdk.IntegrationsApi().postIntegrationsActionExecute("custom_-_echo", NESTED);
  const ours = await client.run({ actionId: "custom_-_echo", inputs: NESTED });
  assert.equal(ours.status, "COMPLETED");
  assert.deepEqual(ours.outputs, theirs.body);
});
