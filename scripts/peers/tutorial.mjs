// The client of the tutorial that people copy, as it is published, with its one syntax error mended (the private field
// that it assigns is declared) and its prints left out: where it asks, what it repeats and what it reads is unchanged.
import { inspect } from "node:util";
import axios from "axios";

const [base, operation, argument] = process.argv.slice(2);

class AuthManager {
  #token = null;
  #tokenExpiry = 0;
  #httpClient = axios.create({
    baseURL: base,
    timeout: 10000,
    headers: { "Content-Type": "application/json" },
  });

  async #fetchToken() {
    const response = await this.#httpClient.post("/api/v2/oauth/token", null, {
      params: {
        grant_type: "client_credentials",
        client_id: "peer",
        client_secret: process.env.PEER_SECRET,
        scope: "integration:actions:write integration:actions:read",
      },
    });
    return response.data;
  }

  async getAccessToken() {
    const now = Date.now();
    if (this.#token && now < this.#tokenExpiry - 60000) return this.#token;
    const data = await this.#fetchToken();
    this.#token = data.access_token;
    this.#tokenExpiry = now + data.expires_in * 1000;
    return this.#token;
  }

  async getAuthorizedHttpClient() {
    const token = await this.getAccessToken();
    const client = axios.create({
      baseURL: base,
      timeout: 30000,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    });
    client.interceptors.response.use(
      (response) => response,
      async (error) => {
        if (error.response?.status === 401) {
          await this.getAccessToken();
          const config = error.config;
          config.headers.Authorization = `Bearer ${this.#token}`;
          return axios(config);
        }
        return Promise.reject(error);
      },
    );
    return client;
  }
}

async function invoke(client, inputs, maxRetries = 3) {
  const payload = { actionId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890", inputs };
  let attempt = 0;
  while (attempt <= maxRetries) {
    try {
      const response = await client.post("/api/v2/integrations/actions/invocations", payload);
      return { success: true, invocationId: response.data.invocationId, status: response.data.status };
    } catch (error) {
      if (error.response?.status === 429 && attempt < maxRetries) {
        const delay = 2 ** attempt * 1000 + Math.random() * 500;
        await new Promise((resolve) => setTimeout(resolve, delay));
        attempt++;
        continue;
      }
      throw error;
    }
  }
}

async function poll(client, invocationId, timeoutMs = 120000, intervalMs = 5000) {
  const startTime = Date.now();
  const terminalStates = ["COMPLETED", "FAILED", "CANCELLED"];
  while (Date.now() - startTime < timeoutMs) {
    const response = await client.get(`/api/v2/integrations/actions/invocations/${invocationId}`);
    if (terminalStates.includes(response.data.status)) return response.data.outputs || {};
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
  throw new Error(`Invocation ${invocationId} timed out after ${timeoutMs}ms`);
}

const auth = new AuthManager();
const operations = {
  invoke: async () => invoke(await auth.getAuthorizedHttpClient(), { customerId: "canary-input" }),
  twice: async () => {
    const client = await auth.getAuthorizedHttpClient();
    await invoke(client, { customerId: "canary-input" });
    return invoke(client, { customerId: "canary-input" });
  },
  nan: async () => invoke(await auth.getAuthorizedHttpClient(), { amount: Number.NaN }),
  look: async () => poll(await auth.getAuthorizedHttpClient(), argument),
  many: () => Promise.all(Array.from({ length: Number(argument) }, () => auth.getAccessToken())),
  turns: async () => {
    for (let n = 0; n < Number(argument); n++) await auth.getAccessToken();
  },
};
let said;
try {
  const value = await operations[operation]();
  said = { ok: true, value };
} catch (error) {
  said = { ok: false, text: inspect(error, { depth: 8 }) };
}
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
