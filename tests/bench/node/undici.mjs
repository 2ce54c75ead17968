// undici as its users write it, JSON both ways and a loop that looks: with a `Pool` of one gateway, which is the cheapest
// that it offers, or (`request`) with `request(url)` over an `Agent`, as its README begins. Both have room for all.
import { Agent, Pool, request } from "undici";
import { body, ca, form, given, INVOCATIONS, loops, measure, pause, pool, sleep } from "./driver.mjs";

const options = { connections: pool, ...(ca ? { connect: { ca } } : {}) };
const client = given.mode === "request" ? perUrl(new Agent(options)) : new Pool(given.base_url, options);

function perUrl(dispatcher) {
  return {
    request: ({ path, ...said }) => request(`${given.base_url}${path}`, { ...said, dispatcher }),
  };
}

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
