// The official Genesys SDK for JavaScript, as its README uses it.
import { inspect } from "node:util";
import platform from "purecloud-platform-client-v2";

const [base, operation, argument] = process.argv.slice(2);
const url = new URL(base);
const client = platform.ApiClient.instance;
client.config.logger.log_to_console = false;
client.setGateway({ host: url.hostname, protocol: "http", port: Number(url.port) });

const actions = new platform.IntegrationsApi();
const flows = new platform.ArchitectApi();
const action = "custom_-_a1b2c3d4";
const operations = {
  invoke: () => actions.postIntegrationsActionExecute(action, { customerId: "canary-input" }),
  twice: async () => {
    await operations.invoke();
    return operations.invoke();
  },
  nan: () => actions.postIntegrationsActionExecute(action, { amount: Number.NaN }),
  look: async () => (await flows.getFlowsExecution(argument)).outputData,
  many: () => (argument === "1" ? undefined : null),
  turns: () => null,
};
let said;
try {
  await client.loginClientCredentialsGrant("peer", process.env.PEER_SECRET);
  const value = await operations[operation]();
  said = { ok: true, skip: value === null, value };
} catch (error) {
  said = { ok: false, text: inspect(error, { depth: 8 }) };
}
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
