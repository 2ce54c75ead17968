// Node's built-in fetch as its users write it: its own pool has no limit of connections, and it is told whom to trust by
// NODE_EXTRA_CA_CERTS.
import { body, form, given, INVOCATIONS, loops, measure, pause, sleep } from "./driver.mjs";

async function ok(answer) {
  if (!answer.ok) throw new Error(`answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

const token = await ok(
  await fetch(`${given.base_url}/api/v2/oauth/token`, {
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
    const answer = await fetch(`${given.base_url}${INVOCATIONS}`, {
      method: "POST",
      headers: posted,
      body: text,
    });
    if (answer.status !== 429) return (await ok(answer)).invocationId;
    await answer.text();
    await sleep(Number(answer.headers.get("retry-after") ?? 1) * 1000);
  }
}

async function one() {
  const invocation = await accepted();
  if (given.hold_ms) await sleep(given.hold_ms);
  for (;;) {
    const said = await ok(await fetch(`${given.base_url}${INVOCATIONS}/${invocation}`, { headers }));
    if (["COMPLETED", "FAILED", "CANCELLED"].includes(said.status)) return said.outputs && said.status;
    await sleep(pause);
  }
}

await measure((count, took) => loops(one, count, took));
