// @azure/core-rest-pipeline with its default policies. Its token policy needs https, so the token is set by hand.
import { inspect } from "node:util";
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";

const [base, operation] = process.argv.slice(2);
const pipeline = createPipelineFromOptions({});
const http = createDefaultHttpClient();

async function invoke() {
  const response = await pipeline.sendRequest(
    http,
    createPipelineRequest({
      url: `${base}/api/v2/integrations/actions/invocations`,
      method: "POST",
      headers: createHttpHeaders({
        "Content-Type": "application/json",
        Authorization: "Bearer canary-token",
      }),
      body: JSON.stringify({ inputs: { customerId: "canary-input" } }),
      allowInsecureConnection: true,
    }),
  );
  if (response.status >= 300) throw new Error(`answered ${response.status}`);
}

const times = { invoke: 1, twice: 2 }[operation];
let said;
try {
  for (let n = 0; n < (times ?? 0); n++) await invoke();
  said = { ok: true, skip: times === undefined };
} catch (error) {
  said = { ok: false, text: inspect(error, { depth: 8 }) };
}
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
