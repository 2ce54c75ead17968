// The pages of the documentation as programs: each block as it stands, and what the page shows of its output.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environmentOf, folder, node, ROOT } from "./support.mjs";

const BLOCK = /^```(?<language>\w+)\n(?<code>.*?)^```$(?:\s+^```text\n(?<output>.*?)^```$)?/gms;

/** The blocks of a page (a path in the checkout) in these languages, or in all of them; `output` where it shows any. */
export function blocks(page, ...languages) {
  const found = [...readFileSync(join(ROOT, page), "utf8").matchAll(BLOCK)].map((match) => match.groups);
  return found.filter(({ language }) => languages.length === 0 || languages.includes(language));
}

/** What became of a block that was saved in a folder, beside these files, and run there with this gateway. */
export function ran(t, block, sandbox, files = {}) {
  // Inside of the checkout, so that `cxone-actions` is the package of the checkout.
  const cwd = folder(t, join(ROOT, "target"));
  for (const [name, text] of Object.entries({ ...files, "example.mjs": block.code })) {
    writeFileSync(join(cwd, name), text);
  }
  return node(["example.mjs"], { env: environmentOf(sandbox), cwd });
}

/** Whether this is what the page shows; `…` on a line of its own stands for any lines. */
export function shows({ output }, printed) {
  if (output === undefined) return true;
  const parts = output.split(/^…\n/m).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("(?:.*\\n)*?")}$`).test(printed);
}
