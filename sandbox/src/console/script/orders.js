
// Faults, and what else can be told to the gateway.

const FAULTS = [
  { name: "429 Too Many Requests", extent: "Retry after, s", fault: (extent) => ({ status: 429, retry_after: extent }) },
  { name: "The answer is lost, the work is done", fault: () => ({ close: "after_request" }) },
  { name: "A slow answer", extent: "Seconds", fault: (extent) => ({ delay: extent }) },
  { name: "503 Service Unavailable", fault: () => ({ status: 503 }) },
  { name: "401 Unauthorized", fault: () => ({ status: 401 }) },
  { name: "Nothing is done, the connection closes", fault: () => ({ close: "before_request" }) },
  { name: "The connection is reset, the work is done", fault: () => ({ close: "reset" }) },
  { name: "Half of an answer", fault: () => ({ close: "mid_response" }) },
];
const CALLBACK_FAULTS = [
  { name: "The callback is lost", fault: () => ({ close: "before_request" }) },
  { name: "A late callback", extent: "Seconds", fault: (extent) => ({ delay: extent }) },
  { name: "The callback comes three times", fault: () => ({ copies: 2 }) },
];
const chosenFaults = () => (byId("point").value === "callback" ? CALLBACK_FAULTS : FAULTS);

function fillPoints(points) {
  const select = byId("point");
  if (select.options.length) return;
  select.append(...points.map((point) => make("option", { value: point, selected: point === "invoke" }, point)));
  fillFaults();
}

let offered;
function fillFaults() {
  // What was chosen stays chosen where it can be ordered there too.
  if (offered === chosenFaults()) return;
  offered = chosenFaults();
  const options = offered.map(({ name }, place) => make("option", { value: place }, name));
  byId("fault").replaceChildren(...options);
  showExtent();
}

function showExtent() {
  const { extent } = chosenFaults()[byId("fault").value] ?? {};
  const field = byId("extent-field");
  field.hidden = !extent;
  byId("extent").disabled = !extent;
  if (extent) write(field.firstChild, `${extent} `);
}

let orderedText = "";
function showOrdered(faults) {
  const text = JSON.stringify(faults);
  if (text === orderedText) return;
  orderedText = text;
  const left = ({ left }) => (left > 1_000_000 ? "until withdrawn" : `${count(left)} left`);
  const said = faults.map((fault) => make("li", {}, make("b", {}, fault.point), ": ", ...worded(`${fault.says}, ${left(fault)}`)));
  byId("ordered").replaceChildren(...(said.length ? said : [make("li", {}, "Nothing: the gateway behaves.")]));
}

async function orderFault(event) {
  event.preventDefault();
  const { fault } = chosenFaults()[byId("fault").value];
  const times = byId("always").checked ? 4_294_967_295 : Number(byId("times").value);
  const ordered = { point: byId("point").value, fault: fault(Number(byId("extent").value)), times };
  await order("/-/faults", JSON.stringify(ordered));
}
