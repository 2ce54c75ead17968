
// One invocation with its whole exchange.

let shownId;
let isAsking = false;
let asksAgain = false;
let lastText = "";

const fact = (name, ...value) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value));

function half(title, { headers, body, left_out }, first) {
  const names = headers.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  const more = left_out ? make("p", { class: "soft" }, `${many(left_out, "byte")} more are not shown.`) : undefined;
  return make(
    "div",
    {},
    make("h4", {}, title),
    make("p", { class: "first" }, make("code", {}, first)),
    make("details", {}, make("summary", {}, many(headers.length, "header")), make("dl", { class: "headers" }, ...names)),
    body ? make("pre", {}, readable(body)) : undefined,
    more,
  );
}

const numbered = (exchange, place) => `${place + 1}. ${exchange.point}`;

function exchangeOf(exchange, place) {
  const { status, fault, cut } = exchange;
  const isRefused = status === null || status >= 400;
  const ended = status === null ? `no whole answer: ${cut}` : `answered ${status}`;
  const title = make(
    "h3",
    {},
    numbered(exchange, place),
    make("span", {}, `${ended} in ${duration(exchange.took)}`),
    make("span", { class: "soft" }, `${clock(exchange.at, true)}, connection ${exchange.connection}`),
    fault && fault !== cut ? make("span", { class: "told" }, "told: ", ...worded(fault)) : undefined,
  );
  const answer =
    status === null && !exchange.answer.headers.length
      ? make("div", {}, make("h4", {}, "Answer"), make("p", { class: "soft" }, `None was sent: the gateway ${cut}.`))
      : half("Answer", exchange.answer, status === null ? `${cut}` : `HTTP/1.1 ${status}`);
  return make(
    "li",
    { class: `exchange${isRefused ? " refused" : ""}`, "data-number": exchange.number },
    title,
    make("div", { class: "halves" }, half("Request", exchange.request, `${exchange.method} ${exchange.path}`), answer),
  );
}

/** Each on a line of its own: when, and what the answer was. */
function callbacksOf({ callbacks }) {
  const said = ({ at, status }) => `${clock(at)}, ${status === null ? "nobody answered" : `answered ${status}`}`;
  return callbacks.map((callback) => make("div", {}, said(callback)));
}

function handForm(id) {
  const outputs = make("textarea", { id: "outputs", rows: 3, spellcheck: "false", placeholder: "its own" });
  const message = make("textarea", { id: "message", rows: 3, placeholder: "… by hand in the console" });
  const end = (outcome) => async () => {
    let body = JSON.stringify({ outcome });
    if (outcome === "COMPLETED" && outputs.value.trim()) {
      try {
        JSON.parse(outputs.value);
      } catch {
        say("Not done: the outputs must be JSON.", true);
        outputs.focus();
        return;
      }
      // As they were typed: a number of JavaScript would not hold every digit.
      body = `{"outcome":"COMPLETED","outputs":${outputs.value}}`;
    } else if (outcome !== "COMPLETED" && message.value.trim()) {
      body = JSON.stringify({ outcome, error_message: message.value.trim() });
    }
    if (await order(`/-/invocations/${id}/end`, body)) {
      await showDetail(id);
      byId("detail").querySelector("h1")?.focus();
    }
  };
  const button = (text, outcome) => {
    const element = make("button", { type: "button", "data-outcome": outcome }, text);
    element.addEventListener("click", end(outcome));
    return element;
  };
  return make(
    "section",
    { class: "card hand", "aria-labelledby": "hand-head" },
    make("h2", { id: "hand-head" }, "End it by hand"),
    make(
      "div",
      { class: "fields" },
      make("label", {}, "Outputs when it completes, as JSON ", outputs),
      make("label", {}, "Message when it fails or is cancelled ", message),
    ),
    make("p", { class: "buttons" }, button("Complete", "COMPLETED"), button("Fail", "FAILED"), button("Cancel it", "CANCELLED")),
  );
}

function draw(found) {
  const detail = byId("detail");
  const facts = make(
    "dl",
    { class: "facts" },
    fact("State", statePill(found.state), found.by_hand ? " by hand" : ""),
    fact("Correlation id", found.correlation_id ?? "–"),
    fact("Accepted", clock(found.accepted, true)),
    fact("Result after", found.took === null ? "nobody was told yet" : duration(found.took)),
    fact("Calls", count(found.calls)),
    fact("Action", found.action_id),
    found.callbacks.length ? fact("Callbacks", ...callbacksOf(found)) : undefined,
  );
  const missing = found.missing
    ? make("p", { class: "soft" }, `${many(found.missing, "exchange")} of it ${found.missing === 1 ? "is" : "are"} not shown: too many, or forgotten.`)
    : undefined;
  // What somebody is typing, and where he is, stays.
  const old = detail.querySelector(".hand");
  const isSame = detail.dataset.id === found.id;
  const hand = found.open ? (isSame && old) || handForm(found.id) : make("span", { class: "hand" });
  // An exchange does not change once it is there, and what somebody has opened of it stays open.
  const before = isSame ? detail.querySelectorAll(".exchange") : [];
  const known = new Map(Array.from(before, (element) => [Number(element.dataset.number), element]));
  const listed = found.exchanges.map((exchange, place) => {
    const element = known.get(exchange.number);
    if (!element) return exchangeOf(exchange, place);
    // Others before it may have been forgotten since.
    write(element.querySelector("h3").firstChild, numbered(exchange, place));
    return element;
  });
  if (isSame && detail.querySelector("h1")) {
    detail.querySelector(".facts").replaceWith(facts);
    if (hand !== old) old.replaceWith(hand);
    const list = detail.querySelector(".exchanges");
    for (const element of known.values()) if (!listed.includes(element)) element.remove();
    for (const element of listed) if (!element.isConnected) list.append(element);
    detail.querySelector(".missing").replaceChildren(...(missing ? [missing] : []));
    return;
  }
  const exchanges = make("ol", { class: "exchanges", role: "list" }, ...listed);
  detail.dataset.id = found.id;
  detail.replaceChildren(
    make("p", {}, make("a", { href: "#/" }, "← All invocations")),
    make("h1", { tabindex: "-1" }, found.action, make("span", { class: "id" }, found.id)),
    facts,
    hand,
    make("section", { "aria-labelledby": "exchanges-head" }, make("h2", { id: "exchanges-head" }, "Exchange"), make("div", { class: "missing" }, ...(missing ? [missing] : [])), exchanges),
  );
}

async function showDetail(id) {
  const detail = byId("detail");
  isAsking = true;
  try {
    const answer = await fetch(`/-/invocations/${id}`);
    const text = await answer.text();
    // Another page was asked for meanwhile, or nothing is new.
    if (shownId !== id || (text === lastText && detail.dataset.id === id)) return;
    lastText = text;
    if (answer.ok) {
      draw(JSON.parse(text));
    } else {
      detail.removeAttribute("data-id");
      detail.replaceChildren(
        make("p", {}, make("a", { href: "#/" }, "← All invocations")),
        make("h1", { tabindex: "-1" }, "Not there"),
        make("p", {}, "There is no such invocation, or the sandbox has forgotten it."),
      );
    }
  } catch {
    connection("connection lost, trying again", "lost");
  } finally {
    isAsking = false;
    if (asksAgain) {
      asksAgain = false;
      refreshDetail();
    }
  }
}

/** Whatever changed may have been about the invocation that is shown. */
function refreshDetail() {
  if (!shownId) return;
  // The answer that is on its way may be older than the change.
  if (isAsking) asksAgain = true;
  else showDetail(shownId);
}
