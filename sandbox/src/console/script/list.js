
// The list of invocations, which lives: new ones come on top, and none moves while somebody reads or walks through it.

const rows = new Map();
let source;
let isPaused = false;
let latest;

function rowOf(row) {
  const link = make("a", { href: `#/invocations/${row.id}` });
  const element = make(
    "tr",
    { class: "new" },
    make("th", { scope: "row" }, link),
    make("td", { "data-label": "State" }, statePill(row.state)),
    make(
      "td",
      { "data-label": "About" },
      make("div", {}, make("span", { class: "correlation" }, row.correlation_id ?? "–"), make("span", { class: "clip" }, row.inputs)),
    ),
    make("td", { class: "number", "data-label": "Accepted" }, clock(row.accepted)),
    make("td", { class: "number took", "data-label": "Result after" }),
    make("td", { class: "number calls", "data-label": "Calls" }),
  );
  link.append(row.action, " ", make("span", { class: "id" }, row.id.slice(0, 8)));
  return element;
}

function update(element, row) {
  const pill = element.querySelector(".state");
  if (pill.textContent !== row.state) pill.replaceWith(statePill(row.state));
  write(element.querySelector(".took"), row.took === null ? "–" : duration(row.took));
  write(element.querySelector(".calls"), count(row.calls));
}

function show(change) {
  const body = byId("rows");
  for (const id of change.gone) {
    rows.get(id)?.remove();
    rows.delete(id);
  }
  // Newest first: each new one is put before what stood on top until now, in the order in which they came.
  const top = body.firstChild;
  for (const row of change.rows) {
    let element = rows.get(row.id);
    if (!element) {
      element = rowOf(row);
      rows.set(row.id, element);
      // What a state was filtered out for and comes back to is not the newest.
      const next = [...(top ? rowsFrom(top) : [])].find((other) => Number(other.dataset.accepted) <= row.accepted);
      element.dataset.accepted = row.accepted;
      body.insertBefore(element, next ?? null);
    }
    update(element, row);
  }
  showCounts(change);
}

function* rowsFrom(first) {
  for (let row = first; row; row = row.nextSibling) yield row;
}

function showCounts({ accepted, counts, totals, synchronous, profile, points }) {
  const open = counts.pending + counts.running;
  const requests = totals.discovery + totals.token + totals.invoke + totals.poll + totals.describe + totals.other;
  const said = [
    ["Invocations", accepted],
    ["Not ended", open],
    ["Completed", counts.completed],
    ["Failed", counts.failed],
    ["Cancelled", counts.cancelled],
    ["Requests", requests],
  ];
  const list = byId("counts");
  if (!list.firstChild) {
    list.append(...said.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))));
  }
  said.forEach(([, number], place) => write(list.children[place].lastChild, count(number)));
  write(byId("profile"), profile);
  const listed = open + counts.completed + counts.failed + counts.cancelled + counts.forgotten;
  const some = counts.matching > rows.size ? `the newest ${count(rows.size)} of ` : "";
  const kept = accepted > listed ? ` Only the last ${count(listed)} of ${count(accepted)} are kept; the figures are of these.` : "";
  write(byId("shown"), `${some ? `T${some.slice(1)}` : ""}${many(counts.matching, "invocation")}, newest first.${kept}`);
  const isEmpty = rows.size === 0;
  byId("empty").hidden = !isEmpty;
  byId("rows").parentElement.hidden = isEmpty;
  if (isEmpty) {
    write(byId("empty"), listed ? "No invocation matches this filter." : `Nothing was invoked yet. Point a client at ${location.origin}.`);
  }
  announce(`${many(listed, "invocation")}, ${count(open)} not ended, ${count(counts.completed)} completed, ${count(counts.failed)} failed, ${count(counts.cancelled)} cancelled`);
  fillPoints(points, synchronous);
}

let announced = 0;
let waiting;
/** Reads the figures out, but not more often than somebody can listen to. */
function announce(text) {
  clearTimeout(waiting);
  const speak = () => {
    announced = performance.now();
    write(byId("summary"), text);
  };
  waiting = setTimeout(speak, Math.max(0, announced + 5000 - performance.now()));
}

function connection(word, kind) {
  const element = byId("connection");
  write(element, word);
  element.className = `connection ${kind}`;
}

/** Listens to what the filter asks for, from the beginning. */
function listen() {
  source?.close();
  const query = new URLSearchParams({ state: byId("state").value, text: byId("text").value });
  const opened = new EventSource(`/-/events?${query}`);
  source = opened;
  // Whatever the list showed before, the first event tells everything: also after the sandbox was gone for a while.
  let isFirst = true;
  source.addEventListener("open", () => {
    isFirst = true;
    connection("live", "live");
  });
  source.addEventListener("error", () => {
    connection("connection lost, trying again", "lost");
    // A browser tries again where nobody answers, but not where it was refused, as one window too many is.
    if (opened.readyState === EventSource.CLOSED) {
      setTimeout(() => {
        if (source === opened && !isPaused && !document.hidden) listen();
      }, 3000);
    }
  });
  source.addEventListener("change", ({ data }) => {
    const change = JSON.parse(data);
    if (isFirst) {
      isFirst = false;
      rows.clear();
      byId("rows").replaceChildren();
      seconds.clear();
    }
    latest = change;
    show(change);
    showOrdered(change.faults);
    drawAll(change);
    refreshDetail(change);
  });
}

/** Stops the list, for whoever wants to read it. */
function pause() {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  if (isPaused) {
    source?.close();
    connection("paused", "");
  } else {
    listen();
  }
}
