// An endpoint that the gateway calls back, so that a case is answered the moment it has ended.
//
//     PUBLIC_URL=https://cases.example.com PORT=3000 node express-callbacks.mjs
//
// CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET say which gateway it is; with CXONE_CALLBACK_SECRET only what it
// signed counts. One process, or an address of its own for each: a callback means nothing to a process that did not send
// the request.
import { Client } from "cxone-actions";
import express from "express";

const client = new Client();
const app = express();

// Before anything that parses: a signature is over the bytes as they came.
app.post("/callbacks/:id", express.raw({ type: () => true, limit: "64kb" }), (request, response) => {
  // Without a body there is none to hand over, or an object in Express 4.
  const body = Buffer.isBuffer(request.body) ? request.body : "";
  const ours = client.notify(request.path, request.headers, body);
  response.sendStatus(ours ? 204 : 404);
});

app.post("/cases", express.json(), async (request, response) => {
  const { customerId } = request.body ?? {};
  const result = await client.run({
    actionId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    inputs: { customerId },
  });
  response.status(result.ok ? 201 : 422).json({ id: result.invocationId, outputs: result.outputs });
});

// A body that is too long is answered as Express would, and fills no log.
app.use((error, _request, response, next) =>
  error.status ? response.sendStatus(error.status) : next(error),
);

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  const own = `http://127.0.0.1:${server.address().port}`;
  // Where the gateway reaches this server. Nothing is sent before it is said.
  client.expectCallbacks(`${process.env.PUBLIC_URL ?? own}/callbacks`);
  console.log(`listening on ${own}`);
});

process.once("SIGTERM", () => server.close(() => client.close()));
