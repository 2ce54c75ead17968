// The console of a sandbox in a browser, while a client of ours works against it: what people see, and what they do.
import assert from "node:assert/strict";
import { accessSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ACTION, connected, FAILS, INPUTS, NEVER_ENDS, ROOT, rejection } from "./support.mjs";

const { chromium } = createRequire(join(ROOT, "tests/node/runners/package.json"))("playwright-core");
/** How long a page may take that usually takes half a second. */
const PATIENCE = 60_000;
/** Where what was seen is left for people to look at, if anywhere. */
const SHOTS = process.env.CONSOLE_SHOTS;

let browser;

before(async () => {
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
  browser = await chromium.launch({
    executablePath: installed,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});
after(() => browser?.close());

/** A gateway with a console, a client of it, and the console in a window. What the window must not do is misdeeds. */
async function opened(t, { sandboxOptions = {}, clientOptions = {}, ...window } = {}) {
  const { sandbox, client } = connected(t, clientOptions, { console: true, ...sandboxOptions });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: "reduce",
    ...window,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const misdeeds = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== sandbox.baseUrl) misdeeds.push(`asked for ${request.url()}`);
  });
  page.on("console", (message) => misdeeds.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => misdeeds.push(error.message));
  page.on("dialog", (dialog) => {
    misdeeds.push(`popped up ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
      globalThis.violations.push(`${violatedDirective} ${blockedURI}`),
    );
  });
  await page.goto(sandbox.baseUrl);
  await page.getByText("live", { exact: true }).waitFor();
  // What is open is closed before the gateway is: a window that loses it would say so.
  const close = async () => {
    const violations = await page.evaluate(() => globalThis.violations);
    await context.close();
    assert.deepEqual([...misdeeds, ...violations], []);
  };
  t.after(() => context.close());
  return { sandbox, client, page, close };
}

const rowOf = (page, text) => page.locator("#rows tr", { hasText: text });
const stateOf = (page, text) => rowOf(page, text).locator(".state");

/** Waits until the element says it. */
async function says(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

async function shot(page, name) {
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** Presses Tab until what has the focus is asked for; fails where the focus is not to be seen on the way. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press("Tab");
    const { found, outline, element } = await page.evaluate((selector) => {
      const active = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(active);
      const outline = outlineStyle === "none" ? 0 : Number.parseFloat(outlineWidth);
      return { found: active.matches(selector), outline, element: active.outerHTML.slice(0, 120) };
    }, selector);
    if (element.startsWith("<body")) continue;
    assert.ok(outline >= 2, `the focus cannot be seen on ${element}`);
    if (found) return;
  }
  assert.fail(`Tab does not lead to ${selector}`);
}

test("the_list_lives_while_a_client_works_and_each_row_leads_to_the_whole_exchange", async (t) => {
  const { sandbox, client, page, close } = await opened(t);
  await page.getByText("Nothing was invoked yet").waitFor();
  await client.run({ actionId: ACTION, inputs: INPUTS, correlationId: "seen-completed" });
  await client.run({ actionId: FAILS, inputs: {}, correlationId: "seen-failed" });
  await client.invoke({ actionId: NEVER_ENDS, inputs: { note: "<b>&</b>" }, correlationId: "seen-open" });
  await says(stateOf(page, "seen-completed"), "completed");
  await says(stateOf(page, "seen-failed"), "failed");
  await says(stateOf(page, "seen-open"), "running");
  const order = await page.locator("#rows .correlation").allTextContents();
  assert.deepEqual(order, ["seen-open", "seen-failed", "seen-completed"]);
  assert.match(await rowOf(page, "seen-completed").textContent(), /create-case.*CUST-998877/);
  assert.ok((await page.locator("#rate-saying").textContent()).includes("requests in two minutes"));
  assert.match(await page.locator("#results-saying").textContent(), /median .* 95 % within/);
  assert.ok((await page.locator("#rate rect.invoke").count()) >= 2, "a key and a bar");
  await says(page.locator("#summary[aria-live=polite]"), "1 failed");

  await page.locator("#state").selectOption("failed");
  await rowOf(page, "seen-open").waitFor({ state: "detached" });
  assert.equal(await page.locator("#rows tr").count(), 1);
  await page.locator("#state").selectOption("");
  await page.locator("#text").fill("cust-998877");
  await rowOf(page, "seen-failed").waitFor({ state: "detached" });
  assert.deepEqual(await page.locator("#rows .correlation").allTextContents(), ["seen-completed"]);

  await rowOf(page, "seen-completed").getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: "create-case" }).waitFor();
  const exchanges = await page.locator(".exchange").allTextContents();
  assert.ok(exchanges.length >= 2, "a POST and at least one poll");
  assert.match(exchanges[0], /authorization.*Bearer \*\*\*/);
  assert.match(exchanges[0], /"customerId": "CUST-998877"/);
  assert.match(exchanges.at(-1), /"status": "COMPLETED"/);
  const all = await page.content();
  assert.ok(!all.includes(sandbox.clientSecret) && !all.includes("Bearer sandbox-"));
  await page.goBack();
  await rowOf(page, "seen-completed").waitFor();
  await close();
});

test("an_invocation_is_ended_by_hand_with_the_keyboard_alone_and_the_client_learns_it", async (t) => {
  const { client, page, close } = await opened(t);
  for (const [key, correlationId, status] of [
    ["COMPLETED", "by-hand-1", "COMPLETED"],
    ["FAILED", "by-hand-2", "FAILED"],
    ["CANCELLED", "by-hand-3", "CANCELLED"],
  ]) {
    const outcome = client.run({ actionId: NEVER_ENDS, inputs: {}, correlationId });
    outcome.catch(() => {});
    await rowOf(page, correlationId).waitFor();
    await page.locator("h1").first().focus();
    await tabTo(page, "#rows tr:first-child a");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "never-ends" }).waitFor();
    await page.waitForFunction(() => document.activeElement.tagName === "H1");
    if (key === "COMPLETED") {
      await tabTo(page, "#outputs");
      await page.keyboard.type('{"by": "hand", "n": 12345678901234567890}');
    } else if (key === "FAILED") {
      await tabTo(page, "#message");
      await page.keyboard.type("somebody said no");
    }
    await tabTo(page, `button[data-outcome=${key}]`);
    await page.keyboard.press("Space");
    await says(page.locator("#status"), `It is ${status.toLowerCase()} now.`);
    const result = await outcome;
    assert.equal(result.status, status);
    if (key === "COMPLETED") assert.deepEqual(result.outputs, { by: "hand", n: 12345678901234567890n });
    if (key === "FAILED") assert.equal(result.errorMessage, "somebody said no");
    await says(page.locator(".facts .state"), status.toLowerCase());
    assert.equal(await page.locator("button[data-outcome]").count(), 0, "it ends once");
    await page.waitForFunction(() => document.activeElement.tagName === "H1");
    await page.evaluate(() => {
      location.hash = "#/";
    });
    await rowOf(page, correlationId).waitFor();
  }
  await close();
});

test("each_switch_for_a_fault_takes_effect_and_counts_down", async (t) => {
  const { sandbox, client, page, close } = await opened(t);
  const ordered = page.locator("#ordered");
  const request = (correlationId) => ({ actionId: ACTION, inputs: INPUTS, correlationId });
  const invoked = (correlationId) => rejection(client.invoke(request(correlationId)));
  const choose = async (fault, { times = "1", extent } = {}) => {
    await page.getByLabel("What goes wrong").selectOption({ label: fault });
    await page.getByLabel("Where").selectOption("invoke");
    await page.getByLabel("For the next").fill(times);
    if (extent) await page.locator("#extent").fill(extent);
    // What is said of the order before may be the same words, and still stand there.
    const answered = page.waitForResponse((response) => response.url().endsWith("/-/faults"));
    await page.getByRole("button", { name: "Order the fault" }).click();
    assert.equal((await answered).status(), 200);
    await says(page.locator("#status"), `The next ${times} at invoke`);
  };
  const raw = async () => {
    const form = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
    });
    const token = await (
      await fetch(`${sandbox.baseUrl}/api/v2/oauth/token`, { method: "POST", body: form })
    ).json();
    return () =>
      fetch(`${sandbox.baseUrl}/api/v2/integrations/actions/invocations`, {
        method: "POST",
        headers: { authorization: `Bearer ${token.access_token}`, "content-type": "application/json" },
        body: JSON.stringify({ ...request("raw"), correlationId: "raw" }),
      });
  };
  const post = await raw();

  await choose("429 Too Many Requests", { times: "2", extent: "7" });
  await says(ordered, "2 left");
  const refused = await post();
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "7"]);
  await says(ordered, "1 left");
  await page.getByRole("button", { name: "Withdraw all" }).click();
  await says(ordered, "the gateway behaves");
  assert.equal((await post()).status, 202);

  await choose("The answer is lost, the work is done");
  const lost = await invoked("switch-lost");
  assert.equal(lost.executed, "unknown", "nobody can know");
  assert.equal(sandbox.executions("switch-lost"), 1);

  await choose("A slow answer", { extent: "0.4" });
  const started = performance.now();
  assert.equal((await post()).status, 202);
  assert.ok(performance.now() - started >= 390);

  await choose("Nothing is done, the connection closes");
  const before = sandbox.executions("raw");
  await assert.rejects(post());
  assert.equal(sandbox.executions("raw"), before);

  await page.getByRole("button", { name: "Expire all tokens" }).click();
  await says(page.locator("#status"), "Every token has expired.");
  assert.equal((await post()).status, 401);

  await page.getByLabel("What goes wrong").selectOption({ label: "503 Service Unavailable" });
  await page.getByLabel("until it is withdrawn").check();
  await page.getByRole("button", { name: "Order the fault" }).click();
  await says(ordered, "until withdrawn");
  const again = await raw();
  for (let n = 0; n < 5; n++) assert.equal((await again()).status, 503);
  await says(ordered, "until withdrawn");
  await shot(page, "faults");
  await close();
});

/** What cannot be read on its ground: less than 4.5 to 1, or 3 to 1 where the text is large (WCAG 1.4.3). */
function unreadable() {
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parsed = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const luminance = ({ r, g, b }) =>
    0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parsed(getComputedStyle(at).backgroundColor);
      if (color.a === 1) return color;
    }
    return { r: 255, g: 255, b: 255, a: 1 };
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  let looked = 0;
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(hasText && element.checkVisibility()) || element.closest("option, .hidden, .skip, title")) continue;
    const style = getComputedStyle(element);
    const color = parsed(element instanceof SVGElement ? style.fill : style.color);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const has = ratio(color, groundOf(element));
    looked += 1;
    if (has < (isLarge ? 3 : 4.5)) found.push(`${has.toFixed(2)}: ${element.outerHTML.slice(0, 100)}`);
  }
  for (const field of document.body.querySelectorAll("input, select, textarea, button")) {
    if (!field.checkVisibility()) continue;
    const style = getComputedStyle(field);
    const has = Math.max(
      ratio(parsed(style.borderTopColor), groundOf(field.parentElement)),
      ratio(groundOf(field), groundOf(field.parentElement)),
    );
    looked += 1;
    if (has < 3) found.push(`edge ${has.toFixed(2)}: ${field.outerHTML.slice(0, 100)}`);
  }
  return { found, looked };
}

test("it_fits_a_phone_and_is_read_in_light_and_in_dark", async (t) => {
  for (const [name, width, colorScheme] of [
    ["phone", 360, "light"],
    ["phone-dark", 360, "dark"],
    ["tablet", 768, "light"],
    ["desk", 1280, "light"],
    ["desk-dark", 1280, "dark"],
  ]) {
    const { sandbox, client, page, close } = await opened(t, {
      viewport: { width, height: 800 },
      colorScheme,
    });
    sandbox.inject("poll", { status: 503 }, 2);
    for (const [n, actionId] of [
      ACTION,
      FAILS,
      NEVER_ENDS,
      "00000000-0000-4000-8000-000000000002",
    ].entries()) {
      const inputs = {
        customerId: `CUST-${"9".repeat(80)}`,
        orderReference: "ä".repeat(n * 40),
        priority: 2,
      };
      const asked = { actionId, inputs, correlationId: `order-${"x".repeat(60)}-${n}` };
      if (actionId === NEVER_ENDS) await client.invoke(asked);
      else await client.run(asked);
    }
    sandbox.inject("invoke", { status: 429, retry_after: 2 }, 3);
    await says(page.locator("#ordered"), "3 left");
    await says(page.locator("#rows"), "cancelled");
    await page.locator("#rate summary").click();
    const fits = async (where) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name}, ${where}: ${wide} pixels on a screen of ${width}`);
      const { found, looked } = await page.evaluate(unreadable);
      assert.deepEqual(found, [], `${name}, ${where}`);
      assert.ok(looked > 30, `only ${looked} were looked at`);
      await shot(page, `${name}-${where}`);
    };
    await fits("list");
    await page.locator("#rows tr", { hasText: "failed" }).getByRole("link").click();
    await page.locator(".exchange").first().waitFor();
    await fits("detail");
    await page.goBack();
    await page.locator("#rows tr", { hasText: "never-ends" }).getByRole("link").click();
    await page.locator(".hand button").first().waitFor();
    await fits("hand");
    await close();
  }
});

test("people_who_hear_or_magnify_the_page_find_names_landmarks_and_order", async (t) => {
  const { client, page, close } = await opened(t);
  await client.run({ actionId: ACTION, inputs: INPUTS, correlationId: "named" });
  await rowOf(page, "named").waitFor();
  // Evaluated by the browser's own tool, which no policy of the page is about.
  const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  for (const where of ["list", "detail"]) {
    const result = await page.evaluate(
      `${source}; axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] })`,
    );
    const said = result.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((one) => one.html)}`,
    );
    assert.deepEqual(said, [], where);
    assert.ok(result.passes.length > 20);
    if (where === "detail") break;
    await rowOf(page, "named").getByRole("link").click();
    await page.locator(".exchange").first().waitFor();
  }
  await close();
});

test("a_page_of_another_origin_can_neither_frame_nor_read_nor_order", async (t) => {
  const { sandbox } = connected(t, {}, { console: true });
  const other = connected(t, {}, { console: false }).sandbox;
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const body = `<!doctype html><title>x</title><iframe src="${sandbox.baseUrl}/"></iframe>`;
  other.inject("token", { status: 200, body, headers: { "content-type": "text/html" } }, 1);
  await page.goto(`${other.baseUrl}/api/v2/oauth/token`);
  const tried = await page.evaluate(async (target) => {
    const attempt = (path, init) =>
      fetch(target + path, init).then(
        ({ type }) => type,
        () => "refused",
      );
    const headers = { "content-type": "application/json", "x-console-token": "guessed" };
    return {
      read: await attempt("/-/state"),
      page: await attempt("/"),
      order: await attempt("/-/tokens/expire", { method: "POST", headers, body: "{}" }),
      blind: await attempt("/", { mode: "no-cors" }),
    };
  }, sandbox.baseUrl);
  assert.deepEqual(tried, { read: "refused", page: "refused", order: "refused", blind: "refused" });
  const framed = page.frames().find((frame) => frame !== page.mainFrame());
  assert.ok(!(await framed.content()).includes("console-token"));
});
