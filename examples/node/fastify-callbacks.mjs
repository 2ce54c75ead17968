// The same with Fastify, whose parsers belong to a part of the application: the callbacks have one of their own.
//
//     PUBLIC_URL=https://cases.example.com PORT=3000 node fastify-callbacks.mjs
import { Client } from "cxone-actions";
import Fastify from "fastify";

const client = new Client();
const app = Fastify({ bodyLimit: 64 * 1024 });

app.register(async (callbacks) => {
  callbacks.removeAllContentTypeParsers();
  // The bytes as they came: a signature is over them.
  callbacks.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  callbacks.post("/callbacks/:id", (request, reply) => {
    const ours = client.notify(request.url, request.headers, request.body ?? "");
    reply.code(ours ? 204 : 404).send();
  });
});

app.post("/cases", async (request, reply) => {
  const { customerId } = request.body ?? {};
  const result = await client.run({
    actionId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    inputs: { customerId },
  });
  reply.code(result.ok ? 201 : 422);
  return { id: result.invocationId, outputs: result.outputs };
});

const own = await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" });
client.expectCallbacks(`${process.env.PUBLIC_URL ?? own}/callbacks`);
console.log(`listening on ${own}`);

process.once("SIGTERM", async () => {
  await app.close();
  await client.close();
});
