// undici as its users write it: one pool with room for all, JSON both ways, a loop that looks.
import { Pool } from "undici";
import { body, ca, form, given, INVOCATIONS, loops, measure, pause, pool, sleep } from "./driver.mjs";

const client = new Pool(given.base_url, { connections: pool, ...(ca ? { connect: { ca } } : {}) });

async function ok(answer) {
  if (answer.statusCode >= 300) throw new Error(`answered ${answer.statusCode}: ${await answer.body.text()}`);
  return answer.body.json();
}

const token = await ok(
  await client.request({
    path: "/api/v2/oauth/token",
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form(),
  }),
);
const headers = { authorization: `Bearer ${token.access_token}`, accept: "application/json" };
const posted = { ...headers, "content-type": "application/json" };

async function accepted() {
  const text = body();
  for (;;) {
    const answer = await client.request({ path: INVOCATIONS, method: "POST", headers: posted, body: text });
    if (answer.statusCode !== 429) return (await ok(answer)).invocationId;
    await answer.body.dump();
    await sleep(Number(answer.headers["retry-after"] ?? 1) * 1000);
  }
}

async function one() {
  const invocation = await accepted();
  if (given.hold_ms) await sleep(given.hold_ms);
  for (;;) {
    const said = await ok(
      await client.request({ path: `${INVOCATIONS}/${invocation}`, method: "GET", headers }),
    );
    if (["COMPLETED", "FAILED", "CANCELLED"].includes(said.status)) return said.outputs && said.status;
    await sleep(pause);
  }
}

await measure((count, took) => loops(one, count, took));
