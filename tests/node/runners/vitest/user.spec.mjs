// A user's tests, run by Vitest.
import { AbortError, Client, CxoneError, Sandbox } from "cxone-actions";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

const ECHO = "00000000-0000-4000-8000-000000000003";
const NEVER_ENDS = "00000000-0000-4000-8000-000000000005";

let sandbox;
beforeAll(() => {
  sandbox = new Sandbox({ completeAfterMs: 5 });
});
afterAll(() => sandbox.close());

const accessTo = ({ baseUrl, clientId, clientSecret }) => ({
  baseUrl,
  clientId,
  clientSecret,
  pollIntervalMs: 5,
});

test("a client that is closed", async () => {
  const client = new Client(accessTo(sandbox));
  const result = await client.run({ actionId: ECHO, inputs: { a: 1, big: 2n ** 60n } });
  expect(result.outputs).toEqual({ a: 1, big: 2n ** 60n });
  const error = await client.run({ actionId: "x" }).catch((error) => error);
  expect(error).toBeInstanceOf(CxoneError);
  expect(error.stack).toMatch(/\.spec\.mjs/);
  await client.close();
});

test("a client that nobody closes, and a wait that is given up", async () => {
  const client = new Client(accessTo(sandbox));
  const signal = AbortSignal.timeout(30);
  const waiting = client.run({ actionId: NEVER_ENDS, inputs: {} }, { signal });
  await expect(waiting).rejects.toBeInstanceOf(AbortError);
});

test("spies, and a module that is evaluated again", async () => {
  vi.resetModules();
  const { Client } = await import("cxone-actions");
  const client = new Client(accessTo(sandbox));
  const run = vi.spyOn(client, "run");
  expect((await client.run({ actionId: ECHO, inputs: {} })).ok).toBe(true);
  expect(run).toHaveBeenCalledTimes(1);
  await client.close();
});
