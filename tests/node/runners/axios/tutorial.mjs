// A program in the shape of the tutorial that this library grew from, with nothing of the library in it: axios, the
// client's secret in the query of the token request, a POST, and a GET every INTERVAL_MS until the end.
import axios from "axios";

const { CXONE_BASE_URL, CXONE_CLIENT_ID, CXONE_CLIENT_SECRET } = process.env;
const INTERVAL_MS = Number(process.env.INTERVAL_MS ?? 5000);
const ACTION = process.env.ACTION ?? "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

class CXoneAuthManager {
  #httpClient = axios.create({
    baseURL: CXONE_BASE_URL,
    timeout: 10000,
    headers: { "Content-Type": "application/json" },
  });
  #token = null;
  #tokenExpiry = 0;

  async #fetchToken() {
    const response = await this.#httpClient.post("/api/v2/oauth/token", null, {
      params: {
        grant_type: "client_credentials",
        client_id: CXONE_CLIENT_ID,
        client_secret: CXONE_CLIENT_SECRET,
        scope: "integration:actions:write integration:actions:read",
      },
    });
    return response.data;
  }

  async getAccessToken() {
    const now = Date.now();
    if (this.#token && now < this.#tokenExpiry - 60000) return this.#token;
    try {
      const data = await this.#fetchToken();
      this.#token = data.access_token;
      this.#tokenExpiry = now + data.expires_in * 1000;
      return this.#token;
    } catch (error) {
      if (error.response?.status === 401) throw new Error("OAuth authentication failed.");
      throw error;
    }
  }

  async getAuthorizedHttpClient() {
    const token = await this.getAccessToken();
    const client = axios.create({
      baseURL: CXONE_BASE_URL,
      timeout: 30000,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    });
    client.interceptors.response.use(
      (response) => response,
      async (error) => {
        if (error.response?.status === 401) {
          await this.getAccessToken();
          const { config } = error;
          config.headers.Authorization = `Bearer ${this.#token}`;
          return axios(config);
        }
        return Promise.reject(error);
      },
    );
    return client;
  }
}

async function invokeAction(httpClient, payload, maxRetries = 3) {
  const startTime = Date.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await httpClient.post("/api/v2/integrations/actions/invocations", payload);
      const { invocationId, status } = response.data;
      return { success: true, invocationId, status, latencyMs: Date.now() - startTime };
    } catch (error) {
      if (error.response?.status !== 429 || attempt >= maxRetries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * INTERVAL_MS));
    }
  }
}

async function pollInvocationResult(httpClient, invocationId, callbackHandler, timeoutMs = 120000) {
  const startTime = Date.now();
  while (Date.now() - startTime < timeoutMs) {
    const { data } = await httpClient.get(`/api/v2/integrations/actions/invocations/${invocationId}`);
    if (["COMPLETED", "FAILED", "CANCELLED"].includes(data.status)) {
      const { status, outputs = {}, errorMessage = null } = data;
      const result = { invocationId, status, outputs, errorMessage, durationMs: Date.now() - startTime };
      await callbackHandler(result);
      return result;
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
  throw new Error(`Invocation ${invocationId} timed out after ${timeoutMs}ms`);
}

async function runDataActionInvoker() {
  const httpClient = await new CXoneAuthManager().getAuthorizedHttpClient();
  const payload = {
    actionId: ACTION,
    inputs: { customerId: "CUST-998877", orderReference: "ORD-2023-1122", priority: 1 },
    correlationId: "corr-001",
    callbackUrl: "https://hooks.example.com/cxone/actions",
  };
  try {
    const { invocationId, status } = await invokeAction(httpClient, payload);
    let told = null;
    const final = await pollInvocationResult(httpClient, invocationId, async (result) => {
      told = result.status;
    });
    console.log(JSON.stringify({ accepted: status, told, ...final }));
  } catch (error) {
    console.error("Invocation pipeline failed:", error.message, error.response?.data);
    process.exitCode = 1;
  }
}

await runDataActionInvoker();
