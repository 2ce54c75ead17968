
// Which view is shown is said by the address: `#/invocations/ID`, and anything else is the overview.

async function route(isFirst) {
  const id = location.hash.match(/^#\/invocations\/([0-9a-f-]{36})$/)?.[1];
  const came = shownId;
  shownId = id;
  byId("overview").hidden = Boolean(id);
  byId("detail").hidden = !id;
  if (id) {
    lastText = "";
    await showDetail(id);
    if (shownId !== id) return;
    document.title = `${byId("detail").querySelector("h1")?.firstChild?.textContent ?? "Invocation"} · Sandbox console`;
    byId("detail").querySelector("h1")?.focus();
    return;
  }
  document.title = "Sandbox console";
  if (isFirst === true || !came) return;
  // Back to where he was.
  const link = rows.get(came)?.querySelector("a");
  (link ?? byId("overview").querySelector("h1")).focus();
}

function begin() {
  makeFigures();
  showOrdered([]);
  byId("order").addEventListener("submit", orderFault);
  byId("fault").addEventListener("change", showExtent);
  byId("point").addEventListener("change", fillFaults);
  byId("always").addEventListener("change", ({ target }) => {
    byId("times").disabled = target.checked;
  });
  byId("withdraw").addEventListener("click", () => order("/-/faults/withdraw"));
  byId("expire").addEventListener("click", () => order("/-/tokens/expire"));
  byId("pause").addEventListener("click", pause);
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  let typing;
  const filtered = () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      if (isPaused) pause();
      else listen();
    }, 200);
  };
  byId("state").addEventListener("change", filtered);
  byId("text").addEventListener("input", filtered);
  addEventListener("hashchange", route);
  // Nobody looks: nothing is asked for.
  document.addEventListener("visibilitychange", () => {
    if (isPaused) return;
    if (document.hidden) source?.close();
    else listen();
  });
  setInterval(() => {
    if (latest && !isPaused && !document.hidden) drawAll();
  }, 1000);
  listen();
  route(true);
}

begin();
