// The page of `audit report` in a browser: what people see of it, on which screens, and that it does nothing else.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { accessSync, appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { ACTION, connected, FAILS, folder, INPUTS, node, ROOT } from "./support.mjs";
import { Segment, weeks } from "./trails.mjs";

const COMMAND = `${ROOT}/bindings-node/dist/bin.js`;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** What was seen, for people to look at. */
const SHOTS = join(ROOT, "target", "report");
const FROM = Date.UTC(2026, 9, 26);

let browser;

before(async () => {
  mkdirSync(SHOTS, { recursive: true });
  const installed = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  ].find((path) => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  });
  assert.ok(installed, "these tests need a Chromium: on Debian `apt-get install chromium`");
  browser = await chromium.launch({ executablePath: installed, args: ["--no-sandbox"] });
});
after(() => browser?.close());

/** Makes the page of a trail, and gives back its path. */
async function reported(directory, ...args) {
  const path = `${directory}.html`;
  const { code, stderr } = await node([COMMAND, "audit", "report", directory, "-o", path, ...args]);
  assert.equal(code, 0, stderr);
  return path;
}

/** Opens a page; whatever it asks for, says or pops up is in `misdeeds`. */
async function opened(t, path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const misdeeds = [];
  const own = pathToFileURL(path).href;
  page.on("request", (request) => {
    const url = request.url();
    if (url !== own && !url.startsWith("data:")) misdeeds.push(`asked for ${url}`);
  });
  page.on("console", (message) => misdeeds.push(message.text()));
  page.on("pageerror", (error) => misdeeds.push(error.message));
  page.on("dialog", (dialog) => {
    misdeeds.push(`popped up ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(own);
  return { page, misdeeds };
}

// biome-ignore lint/performance/useDomNodeTextContent: what a reader sees is the question
const visible = (page) => page.locator("body").innerText();

/** The numbers of a table by the first word of their row. */
const numbersOf = (page, caption) =>
  page.evaluate((caption) => {
    const tables = [...document.querySelectorAll("table")];
    const rows = tables.find((table) => table.caption?.textContent === caption)?.querySelectorAll("tr") ?? [];
    const cells = [...rows].filter((row) => row.querySelector("td"));
    const number = (row) => Number(row.querySelector("td").textContent.replaceAll(",", ""));
    const own = (node) => (node.nodeType === Node.TEXT_NODE ? node.data : "");
    const word = (row) => [...row.querySelector("th").childNodes].map(own).join("").trim().split(" ")[0];
    return Object.fromEntries(cells.map((row) => [word(row), number(row)]));
  }, caption);

test("the_page_of_a_month_is_readable_on_every_screen_and_asks_for_nothing", async (t) => {
  const directory = join(folder(t), "month");
  const written = weeks(directory, { from: FROM, days: 28, calls: 300 });
  const path = await reported(directory, "--title", "Refunds and cases, November");
  for (const [name, width, colorScheme] of [
    ["phone", 360, "light"],
    ["phone-dark", 360, "dark"],
    ["tablet", 768, "light"],
    ["desk", 1200, "light"],
    ["desk-dark", 1200, "dark"],
  ]) {
    const { page, misdeeds } = await opened(t, path, { viewport: { width, height: 900 }, colorScheme });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${name}: it is ${wide} pixels wide on a screen of ${width}`);
    for (const summary of await page.$$("summary")) await summary.click();
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${name}: opened`);
    const found = await page.evaluate(
      `${AXE}; axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] })`,
    );
    const said = found.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((one) => one.html)}`,
    );
    assert.deepEqual(said, [], name);
    assert.ok(found.passes.length > 20, `${name}: only ${found.passes.length} rules were looked at`);
    for (const summary of await page.$$("summary")) await summary.click();
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    assert.deepEqual(misdeeds, [], name);
  }
  const { page } = await opened(t, path);
  const { started, completed, failed, cancelled, rejected, unknown, not } = await numbersOf(
    page,
    "Every call that was started",
  );
  assert.equal(started, written.started);
  assert.equal(completed + failed + cancelled, written.terminal);
  assert.deepEqual([rejected, unknown], [written.rejected, written.unknown]);
  assert.equal(completed + failed + cancelled + rejected + unknown + (not ?? 0), started);
  const refused = await numbersOf(page, "Refused before anything was sent");
  assert.deepEqual([refused.denied, refused.invalid], [written.denied, written.invalid]);
  const drawn = await page.evaluate(() =>
    [...document.querySelectorAll("figure g > title")].map((title) => title.textContent).join("\n"),
  );
  const summed = [...drawn.matchAll(/([\d,]+) completed/g)].reduce(
    (sum, [, n]) => sum + Number(n.replaceAll(",", "")),
    0,
  );
  assert.equal(summed, completed, "each completed call is drawn once");
});

test("the_printed_page_has_every_number_and_no_dark_ground", async (t) => {
  const directory = join(folder(t), "month");
  weeks(directory, { from: FROM, days: 14, calls: 100 });
  const path = await reported(directory);
  const { page } = await opened(t, path, { colorScheme: "dark" });
  const pdf = await page.pdf({ path: join(SHOTS, "print.pdf"), preferCSSPageSize: true });
  const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert.ok(pages >= 2 && pages <= 12, `${pages} pages`);
  await page.emulateMedia({ media: "print" });
  const seen = await page.evaluate(() => ({
    ground: getComputedStyle(document.body).backgroundColor,
    rows: [...document.querySelectorAll("details tr")].every((row) => row.getBoundingClientRect().height > 0),
  }));
  assert.deepEqual(seen, { ground: "rgb(255, 255, 255)", rows: true });
});

test("whatever_a_caller_called_himself_is_a_text_on_the_page", async (t) => {
  const directory = join(folder(t), "canaries");
  const evil = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</title></style><script src=https://example.com/x.js></script>",
    "javascript:alert(3)",
    "&lt;b&gt;",
    "\u202egnp.exe\u0007\u001b[2J",
    "x".repeat(5000),
    "<svg/onload=alert(4)>",
  ];
  const segment = new Segment(directory, { at: FROM, run: "0123456789ab", host: evil[0] });
  for (const [n, text] of evil.entries()) {
    const who = { actor: text, action_id: text, action_name: text, correlation_id: `${n} ${text}` };
    segment.append("config", FROM + n, { actor: text, note: text });
    segment.append("denied", FROM + n, { ...who, kind: text, note: text });
    segment.append("started", FROM + n, { ...who, input_keys: [text] });
    segment.append("sending", FROM + n, { ...who, attempt: 1 });
    segment.append("gap", FROM + n, { actor: text, note: text });
    if (n % 2) segment.append("accepted", FROM + n, { ...who, invocation_id: text, status: text });
  }
  segment.flush();
  // What verifying says about a line that was edited is a text of a stranger, too.
  appendFileSync(segment.path, `{"<script>alert(5)</script>":1}\n`);
  for (const width of [360, 1200]) {
    const { page, misdeeds } = await opened(t, await reported(directory, "--title", evil[2]), {
      viewport: { width, height: 900 },
    });
    for (const summary of await page.$$("summary")) await summary.click();
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width);
    assert.deepEqual(misdeeds, []);
    assert.equal(await page.locator("script, img, iframe, object, [onerror], [onload], [style]").count(), 0);
    const said = await visible(page);
    for (const text of evil.slice(0, 5)) assert.ok(said.includes(text), text);
    assert.ok(said.includes("\\u{202e}gnp.exe\\u{7}\\u{1b}[2J"));
    assert.ok((await page.title()).startsWith("</title>"));
    await page.screenshot({ path: join(SHOTS, `canaries-${width}.png`), fullPage: true });
  }
});

test("the_only_style_that_counts_is_the_one_that_the_page_names", async (t) => {
  const directory = join(folder(t), "empty");
  mkdirSync(directory);
  const html = readFileSync(await reported(directory), "utf8");
  const style = html.match(/<style>([\s\S]*)<\/style>/)[1];
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = html.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)[1];
  assert.equal(
    policy,
    `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
  );
  assert.doesNotMatch(html, /<script|https?:\/\/|@import|url\((?!#)/);
});

test("an_empty_a_tiny_a_broken_and_a_living_trail_have_a_page_that_says_so", async (t) => {
  const parent = folder(t);
  const seen = async (directory, name) => {
    const { page, misdeeds } = await opened(t, await reported(directory));
    assert.deepEqual(misdeeds, []);
    await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    return visible(page);
  };
  const empty = join(parent, "empty");
  mkdirSync(empty);
  const nothing = await seen(empty, "empty");
  assert.match(nothing, /There is nothing to verify/);
  assert.match(nothing, /No call was made in this period/);

  const tiny = new Segment(join(parent, "tiny"), { at: FROM, run: "0123456789ab" });
  const who = { action_id: "a", correlation_id: "left-behind" };
  tiny.append("started", FROM, who);
  tiny.append("sending", FROM, { ...who, attempt: 1 });
  tiny.flush();
  const small = await seen(join(parent, "tiny"), "tiny");
  assert.match(small, /1 with an unknown outcome/);
  assert.match(small, /Do not call again before that is clear/);
  assert.match(small, /left-behind/);

  const broken = join(parent, "broken");
  weeks(broken, { from: FROM, days: 3, calls: 40 });
  const victim = new Segment(broken, { at: FROM + 1000, run: "0123456789ab" });
  for (let n = 0; n < 5; n++) victim.append("poll_failed", FROM + 1000 + n, { correlation_id: `c${n}` });
  victim.flush();
  const text = readFileSync(victim.path, "utf8").split("\n");
  text[2] = text[2].replace("c2", "c9");
  text.splice(3, 1, "no record");
  writeFileSync(victim.path, text.join("\n"));
  const damaged = await seen(broken, "broken");
  assert.match(damaged, /The chain is broken/);
  assert.match(damaged, new RegExp(`${victim.name}\\s+3\\s+it was edited`));

  const living = join(parent, "living");
  const { client } = connected(t, { audit: living, actor: "svc-living" });
  await client.run({ actionId: ACTION, inputs: INPUTS });
  await client.run({ actionId: FAILS, inputs: {} });
  await client.invoke({ actionId: ACTION, inputs: INPUTS });
  const alive = await seen(living, "living");
  assert.match(alive, /The chain holds/);
  assert.match(alive, /svc-living/);
  assert.match(alive, /1 still under way/);
  const { started, completed, failed } = client.metrics();
  const { page } = await opened(t, `${living}.html`);
  const counted = await numbersOf(page, "Every call that was started");
  assert.deepEqual([counted.started, counted.completed, counted.failed], [started, completed, failed]);
});
