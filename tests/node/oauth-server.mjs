/**
 * A real OAuth server (`oidc-provider`), and in front of a sandbox a door that lets in who has a token of that server.
 *
 * `node oauth-server.mjs '{"baseUrl": …, "clientId": …, "clientSecret": …}'` names a sandbox, prints one line of JSON
 * (`issuer`, where tokens are; `api`, where actions are; the clients by their way of authenticating) and ends when its
 * standard input does.
 */
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const SCOPE = "integration:actions:write integration:actions:read";
/** RFC 6749, appendix A.2, allows visible ASCII and spaces; all that a form, a URL or a header could trip over. */
const SECRET = 's3cr3t a+b%/:=&?#"~';
const ACCESS_KEY = { id: "KEY2PDJJAHNM2JSUGZ====", secret: "S3CR3T+KEY/UPG2T4====" };
const CLIENTS = {
  post: { id: "post:1/+%", secret: SECRET, method: "client_secret_post", grant: "client_credentials" },
  basic: { id: "basic:1/+%", secret: SECRET, method: "client_secret_basic", grant: "client_credentials" },
  short: { id: "short", secret: SECRET, method: "client_secret_basic", grant: "client_credentials" },
  reader: { id: "reader", secret: SECRET, method: "client_secret_basic", grant: "client_credentials" },
  key: { id: "key", secret: SECRET, method: "client_secret_basic", grant: "password" },
};

/** Seconds that a token serves: those of one client run out while a test looks on. */
const lifetime = (_context, _token, client) => (client.clientId === CLIENTS.short.id ? 5 : 600);

function listening(server) {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

/** The server of tokens. It has to know where it is before it is made. */
async function authorization() {
  let answer = (_request, response) => response.writeHead(503).end();
  const issuer = await listening(createServer((request, response) => answer(request, response)));
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider(issuer, {
    clients: Object.values(CLIENTS).map(({ id, secret, method, grant }) => ({
      client_id: id,
      client_secret: secret,
      token_endpoint_auth_method: method,
      grant_types: [grant],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: "ES256",
      scope: id === CLIENTS.reader.id ? "integration:actions:read" : SCOPE,
    })),
    scopes: SCOPE.split(" "),
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: lifetime },
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256" }] },
  });
  // RFC 6749 §4.3, with an access key as the user. The client has been authenticated by then.
  const password = async (context) => {
    const { client, params } = context.oidc;
    if (params.username !== ACCESS_KEY.id || params.password !== ACCESS_KEY.secret) {
      context.status = 400;
      context.body = { error: "invalid_grant", error_description: "no such access key" };
      return;
    }
    const token = new provider.ClientCredentials({ client, scope: SCOPE });
    context.body = { access_token: await token.save(), expires_in: token.expiration, token_type: "Bearer" };
  };
  provider.registerGrantType("password", password, ["username", "password"]);
  // It takes `post` for `basic` and the other way round. Not here: a client authenticates as it is registered.
  provider.use(async (context, next) => {
    await next();
    const { client } = context.oidc ?? {};
    const used = context.get("authorization") ? "client_secret_basic" : "client_secret_post";
    if (context.path === "/token" && client && client.tokenEndpointAuthMethod !== used) {
      context.status = 401;
      context.body = { error: "invalid_client", error_description: `not registered for ${used}` };
    }
  });
  answer = provider.callback();
  return { issuer, provider };
}

/** Hands over to the sandbox what comes with a token that the server issued and that has not run out. */
function door(provider, sandbox) {
  let own;
  const ours = async () => {
    const { clientId, clientSecret, baseUrl } = sandbox;
    const form = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
    const body = new URLSearchParams(form);
    const answer = await fetch(`${baseUrl}/api/v2/oauth/token`, { method: "POST", body });
    return (await answer.json()).access_token;
  };
  return createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const [, given] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    const token = given && (await provider.ClientCredentials.find(given));
    if (!token?.isValid || token.scope !== SCOPE) {
      response.writeHead(401, { "content-type": "application/json" }).end('{"error":"invalid_token"}');
      return;
    }
    own ??= ours();
    const headers = { authorization: `Bearer ${await own}`, accept: "application/json" };
    if (parts.length > 0) headers["content-type"] = request.headers["content-type"];
    const body = parts.length > 0 ? Buffer.concat(parts) : undefined;
    const answer = await fetch(sandbox.baseUrl + request.url, { method: request.method, headers, body });
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
}

const { issuer, provider } = await authorization();
const api = await listening(door(provider, JSON.parse(process.argv[2])));
process.stdin.resume().on("end", () => process.exit(0));
console.log(JSON.stringify({ issuer, api, clients: CLIENTS, accessKey: ACCESS_KEY }));
