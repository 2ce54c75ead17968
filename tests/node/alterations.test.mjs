// `tests/vectors/alterations.json` from Node: what is altered in a trail, and where `verify` sees it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, Sandbox } from "cxone-actions";
import { ACTION, accessTo, connected, folder, INPUTS, thrown } from "./support.mjs";
import { vectors } from "./vectors.mjs";

const { cases, key: KEY, other_key: OTHER_KEY } = vectors("alterations.json");
const MARK = ',"hash":"';

const edited = (line) => line.replace("svc-billing", "svc-milling");

function alter(file, how) {
  const [[name, number]] = Object.entries(how);
  const whole = readFileSync(file, "utf8");
  const lines = whole.split(/(?<=\n)/);
  const at = number > 0 ? number - 1 : lines.length + number;
  switch (name) {
    case "edit":
      lines[at] = edited(lines[at]);
      break;
    case "delete":
      lines.splice(at, 1);
      break;
    case "insert":
      lines.splice(at, 0, lines[at]);
      break;
    case "swap":
      lines.splice(at, 2, lines[at + 1], lines[at]);
      break;
    case "truncate":
      lines.length -= number;
      break;
    case "cut":
      lines.splice(0, lines.length, whole.slice(0, -number));
      break;
    case "forge":
      lines.splice(at, lines.length, ...forged(lines.slice(at)));
      break;
    default:
      rmSync(file);
      return;
  }
  writeFileSync(file, lines.join(""));
}

/** As whoever knows the rule of the chain, and not the key, would write them. */
function forged(lines) {
  let prev;
  return lines.map((line) => {
    const open = line.slice(0, line.indexOf(MARK)).replace(/"key":"[0-9a-f]{8}",/, "");
    const content =
      prev === undefined ? edited(open) : open.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
    prev = createHash("sha256").update(content).digest("hex");
    return `${content}${MARK}${prev}"}\n`;
  });
}

for (const spec of cases) {
  test(`${spec.name}_is_seen_in_its_place`, async (t) => {
    const [audit, elsewhere] = [folder(t), folder(t)];
    const auditCheckpoints = join(elsewhere, "checkpoints");
    const keys = new Map([
      [true, KEY],
      [false, undefined],
      ["other", OTHER_KEY],
    ]);
    const [writes, reads] = (spec.keys ?? [false, false]).map((key) => keys.get(key));
    const sandbox = new Sandbox({ completeAfterMs: 5 });
    t.after(() => sandbox.close());
    const access = accessTo(sandbox);
    const writer = new Client({
      ...access,
      audit,
      auditCheckpoints,
      auditKey: writes,
      actor: "svc-billing",
    });
    for (const correlationId of ["corr-001", "corr-002"])
      await writer.run({ actionId: ACTION, inputs: INPUTS, correlationId });
    await writer.close();
    const segment = readdirSync(audit).find((name) => name.endsWith(".jsonl"));
    const file = join(audit, segment);
    const count = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0);
    const many = count();
    if (spec.alter) alter(file, spec.alter);
    const left = count();

    const reader = new Client({ ...access, audit, auditKey: reads });
    t.after(() => reader.close());
    const told = spec.checkpoints === false ? undefined : auditCheckpoints;
    const found = reader.audit.verify({ checkpoints: told });
    const expected = spec.problems ?? [];
    assert.deepEqual(
      found.problems.map(({ segment: named, line }) => [named, line]),
      expected.map(({ line }) => [segment, line < 0 ? many + 1 + line : line]),
      JSON.stringify(found),
    );
    for (const [index, { what }] of expected.entries())
      assert.ok(found.problems[index].what.startsWith(what), found.problems[index].what);
    assert.equal(found.ok, expected.length === 0);
    assert.equal(found.unchecked, spec.unchecked ? left : 0);
    if (spec.anchored) assert.equal(found.anchored, many);
    if (told === undefined) assert.equal(found.anchored, 0);
  });
}

test("a_client_compares_with_its_own_checkpoints", async (t) => {
  const file = join(folder(t), "checkpoints");
  const { client } = connected(t, { audit: folder(t), auditCheckpoints: file });
  await client.run({ actionId: ACTION, inputs: INPUTS });
  client.audit.flush();
  const found = client.audit.verify();
  assert.ok(found.ok && found.anchored > 0, JSON.stringify(found));
  assert.ok(client.audit.verify({ checkpoints: pathToFileURL(file) }).ok);
  const missing = client.audit.verify({ checkpoints: `${file}-missing` });
  assert.equal(missing.ok, false);
  assert.match(missing.problems[0].what, /checkpoints-missing` cannot be read/);
  for (const options of [5, "x", { checkpoint: file }, { checkpoints: 5 }]) {
    assert.equal(thrown(() => client.audit.verify(options)).kind, "config", JSON.stringify(options));
  }
});
