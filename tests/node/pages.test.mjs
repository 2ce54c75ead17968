// The page for Node, from an empty folder on: each block as it stands, in the order of the page, with the package as it
// is published. The gateway that the environment names stands for the reader's own.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Sandbox } from "cxone-actions";
import { blocks, shows } from "./pages.mjs";
import { published } from "./published.mjs";
import { command, folder, node, ROOT } from "./support.mjs";

const PAGE = blocks("docs/node.md").filter(({ language }) => language !== "text");
const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");

let registry;
before(async () => {
  registry = await published();
});
after(() => registry.close());

/** Runs a block as its language wants it. */
async function ran({ language, code }, index, { cwd, env }) {
  if (language === "sh") return command("sh", ["-euc", code], { cwd, env });
  const source = `block-${index}.${language === "ts" ? "mts" : "mjs"}`;
  writeFileSync(join(cwd, source), code);
  if (language === "js") return node([source], { cwd, env });
  const emitted = ["--target", "es2022", "--module", "nodenext", "--types", "", "--lib", "es2023,dom"];
  const compiled = await node([TSC, "--strict", ...emitted, source], { cwd });
  assert.equal(compiled.code, 0, compiled.stdout);
  return node([source.replace("mts", "mjs")], { cwd, env });
}

test("the_page_takes_a_newcomer_from_an_empty_folder_to_an_audited_batch", async (t) => {
  const sandbox = new Sandbox();
  t.after(() => sandbox.close());
  const cwd = folder(t);
  const env = { ...sandbox.environ, ...registry.environ };
  assert.ok(PAGE.length >= 10);
  for (const [index, block] of PAGE.entries()) {
    const { code, stdout, stderr } = await ran(block, index, { cwd, env });
    assert.deepEqual([code, stderr], [0, ""], block.code);
    assert.ok(shows(block, stdout), `${block.code}\nprinted\n${stdout}`);
  }
  assert.match(readFileSync(join(cwd, "report.html"), "utf8"), /Cases/);
});
