// Checkpoints for a function: told in order, and nobody waits for it.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Client, ConfigError } from "cxone-actions";
import { connected, folder, node, REQUEST } from "./support.mjs";

const parsed = (lines) =>
  lines
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

async function recordsIn(directory) {
  const segments = (await readdir(directory)).filter((name) => name.endsWith(".jsonl"));
  const texts = await Promise.all(segments.map((name) => readFile(join(directory, name), "utf8")));
  return texts.flatMap(parsed);
}

test("the function is told the end of the chain at flush and at close", async (t) => {
  const told = [];
  const directory = folder(t);
  const auditCheckpoints = (checkpoint) => void told.push(checkpoint);
  const { client } = connected(t, { audit: directory, auditCheckpoints });
  await client.run(REQUEST);
  await client.audit.flush();
  while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  await client.run(REQUEST);
  await client.close();
  const records = await recordsIn(directory);
  for (const { seq, hash } of told) assert.equal(records.find((r) => r.seq === seq).hash, hash);
  assert.equal(records.at(-1).event, "closed");
  assert.equal(told.at(-1).seq, records.at(-1).seq);
});

test("an async function is awaited, and of what it throws only the class is said", async (t) => {
  class VaultSealed extends Error {}
  let asked = 0;
  const auditCheckpoints = async () => {
    await null;
    asked += 1;
    throw new VaultSealed("s3cret");
  };
  const { client } = connected(t, { audit: folder(t), auditCheckpoints });
  for (const expected of [1, 2]) {
    assert.ok((await client.run(REQUEST)).ok);
    await client.audit.flush();
    while (asked < expected) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const notes = [];
  for await (const record of client.audit.records({ event: "checkpoint" })) notes.push(record.note);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /VaultSealed/);
  assert.doesNotMatch(notes[0], /s3cret/);
});

test("a function that never settles stops no call and no close", async (t) => {
  let entered = false;
  const auditCheckpoints = () => {
    entered = true;
    return new Promise(() => {});
  };
  const { client } = connected(t, { audit: folder(t), auditCheckpoints });
  await client.run(REQUEST);
  await client.audit.flush();
  while (!entered) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok((await client.run(REQUEST)).ok);
  const began = performance.now();
  await client.close();
  // The function alone would be given ten seconds.
  assert.ok(performance.now() - began < 9_000);
});

for (const [name, end] of [
  ["ends by itself", ""],
  ["is ended by process.exit", "process.exit(0);"],
]) {
  test(`a function is told the last checkpoint of a process that ${name} without close`, async (t) => {
    const directory = folder(t);
    const program = (note) => `
      const { Client } = require("cxone-actions");
      const options = { baseUrl: "http://127.0.0.1:1", token: "t", audit: ${JSON.stringify(directory)} };
      let began = 0;
      const client = new Client({ ...options, auditCheckpoints: ${note} });
      process.prependListener("exit", () => { began = performance.now(); });
      process.on("exit", () => console.log(JSON.stringify({ ms: performance.now() - began })));
      ${end}`;
    const run = async (note) => {
      const { code, stdout, stderr } = await node(["-e", program(note)]);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      return parsed(stdout);
    };
    const [checkpoint, after] = await run("(c) => console.log(JSON.stringify(c))");
    const last = (await recordsIn(directory)).at(-1);
    assert.deepEqual([last.event, last.seq, last.hash], ["closed", checkpoint.seq, checkpoint.hash]);
    assert.ok(after.ms < 9_000, `${after.ms} ms`);
    for (const note of [
      "async () => { await null; }",
      "() => new Promise(() => {})",
      "() => { throw new Error(); }",
    ]) {
      const [{ ms }] = await run(note);
      assert.ok(ms < 9_000, `${note} took ${ms} ms`);
    }
  });
}

test("what is no path and no function is a mistake", () => {
  assert.throws(
    () => new Client({ baseUrl: "http://127.0.0.1:1", token: "t", audit: "x", auditCheckpoints: 7 }),
    (error) => error instanceof ConfigError && /auditCheckpoints/.test(error.message),
  );
});
