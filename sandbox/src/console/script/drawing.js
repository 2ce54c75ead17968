
// Rate and latency of the last two minutes, as drawings that say in words what they show.

const SPAN = 120;
const WIDTH = 360;
const HEIGHT = 96;
const LEFT = 44;
const seconds = new Map();
const figures = {};

/** A number at least as large, of which a quarter reads well. */
function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

function figure(name, title, keys) {
  const drawing = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 22}`, role: "img", "aria-label": title });
  const saying = make("p", { class: "saying", id: `${name}-saying` });
  drawing.setAttribute("aria-describedby", saying.id);
  const body = make("tbody");
  const key = ({ shape, text }) =>
    make("span", { class: "key" }, make("svg", { viewBox: "0 0 14 10", "aria-hidden": "true" }, shape()), text);
  const head = name === "rate" ? ["POST", "polls", "other", "refused", "cut"] : ["median", "95 %"];
  const table = make(
    "table",
    {},
    make("caption", {}, "Seconds in which nothing happened are left out"),
    make(
      "thead",
      {},
      make("tr", {}, ...["At", ...head].map((text, place) => make("th", { scope: "col", class: place ? "number" : "" }, text))),
    ),
    body,
  );
  const numbers = make("details", {}, make("summary", {}, `The numbers of “${title}”`), table);
  numbers.addEventListener("toggle", () => drawAll());
  const whole = make(
    "figure",
    { id: name },
    make("figcaption", {}, make("b", {}, title), make("br"), ...keys.map(key)),
    drawing,
    saying,
    numbers,
  );
  byId("drawings").append(whole);
  figures[name] = { drawing, saying, numbers, body };
}

const bar = (kind) => () => make("rect", { class: kind, width: 14, height: 10, rx: 2 });
const line = (kind) => () => make("path", { class: kind, d: "M0 5H14" });
const TIMES = [
  { shape: line("median"), text: "median" },
  { shape: line("tail"), text: "95 % are quicker" },
];

function makeFigures() {
  figure("rate", "Requests a second", [
    { shape: bar("invoke"), text: "POST" },
    { shape: bar("poll"), text: "polls" },
    { shape: bar("other"), text: "other" },
    { shape: bar("wrong"), text: "refused or cut" },
  ]);
  figure("answers", "Time to an answer", TIMES);
  figure("results", "Time to a result", TIMES);
}

function axes(drawing, most, named) {
  const lines = [0, 0.5, 1].flatMap((share) => {
    const y = HEIGHT - share * (HEIGHT - 8);
    return [
      make("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y, y2: y }),
      make("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, named(most * share)),
    ];
  });
  const times = [
    [LEFT, "start", "2 min ago"],
    [WIDTH, "end", "now"],
  ].map(([x, anchor, text]) => make("text", { x, y: HEIGHT + 16, "text-anchor": anchor }, text));
  drawing.replaceChildren(...lines, ...times);
}

const across = (at, now) => LEFT + ((at - (now - SPAN + 1)) / SPAN) * (WIDTH - LEFT);

function drawRate(now, lately) {
  const { drawing, saying } = figures.rate;
  const all = (second) => second.invoke + second.poll + second.other;
  const most = Math.max(4, ...lately.map(all));
  const top = roundedUp(most);
  axes(drawing, top, (value) => count(value));
  const width = (WIDTH - LEFT) / SPAN - 0.4;
  for (const second of lately) {
    let y = HEIGHT;
    for (const kind of ["invoke", "poll", "other"]) {
      const height = (second[kind] / top) * (HEIGHT - 8);
      y -= height;
      if (height > 0) drawing.append(make("rect", { class: kind, x: across(second.at, now), y, width, height }));
    }
    const wrong = Math.min(second.refused + second.cut, all(second));
    const height = (wrong / top) * (HEIGHT - 8);
    if (wrong) {
      drawing.append(make("rect", { class: "wrong", x: across(second.at, now), y: HEIGHT - height, width, height }));
    }
  }
  const sum = (kind) => lately.reduce((so_far, second) => so_far + second[kind], 0);
  const total = lately.reduce((so_far, second) => so_far + all(second), 0);
  write(
    saying,
    total
      ? `${many(total, "request")} in two minutes, at most ${count(Math.max(...lately.map(all)))} in one second: ${count(sum("invoke"))} POST, ${many(sum("poll"), "poll")}, ${count(sum("other"))} other. ${count(sum("refused"))} refused, ${count(sum("cut"))} cut.`
      : "No request in the last two minutes.",
  );
}

function drawTimes(name, now, lately, [median, tail], what) {
  const { drawing, saying } = figures[name];
  const timed = lately.filter((second) => second[tail] !== null);
  const top = roundedUp(Math.max(0.001, ...timed.map((second) => second[tail])));
  axes(drawing, top, (value) => (value ? duration(value) : "0"));
  const place = (second, which) => [across(second.at, now), HEIGHT - (second[which] / top) * (HEIGHT - 8)];
  for (const [which, kind] of [
    [tail, "tail"],
    [median, "median"],
  ]) {
    let before = -2;
    const path = timed.map((second) => {
      const [x, y] = place(second, which);
      const step = second.at - before === 1 ? "L" : "M";
      before = second.at;
      return `${step}${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    drawing.append(make("path", { class: kind, d: path.join("") }));
    for (const second of timed) {
      const [x, y] = place(second, which);
      const mark =
        kind === "median"
          ? make("circle", { class: kind, cx: x, cy: y, r: 2 })
          : make("rect", { class: kind, x: x - 1.75, y: y - 1.75, width: 3.5, height: 3.5 });
      drawing.append(mark);
    }
  }
  const last = timed.at(-1);
  write(
    saying,
    last
      ? `In the last second that had ${what}: median ${duration(last[median])}, 95 % within ${duration(last[tail])}. The longest 95 % within two minutes: ${duration(Math.max(...timed.map((second) => second[tail])))}.`
      : `No ${what} in the last two minutes.`,
  );
}

function listNumbers(name, lately, columns, started) {
  const { numbers, body } = figures[name];
  if (!numbers.open) return;
  const cell = (second, column) => {
    const value = second[column];
    return make("td", { class: "number" }, Number.isInteger(value) && name === "rate" ? count(value) : duration(value));
  };
  const had = lately.filter((second) => columns.some((column) => second[column]));
  const rows = had
    .toReversed()
    .map((second) =>
      make("tr", {}, make("th", { scope: "row" }, clock(started + second.at * 1000)), ...columns.map((column) => cell(second, column))),
    );
  body.replaceChildren(...rows);
}

let drawnFor = { now: 0, started: 0, at: 0 };
/** Draws anew; without arguments for the moment that it is now. */
function drawAll(change) {
  if (change) {
    for (const second of change.seconds) seconds.set(second.at, second);
    drawnFor = { now: change.now, started: change.started, at: performance.now() };
  }
  const elapsed = drawnFor.now - drawnFor.started + performance.now() - drawnFor.at;
  const now = Math.max(0, Math.floor(elapsed / 1000));
  for (const at of seconds.keys()) if (at <= now - 300) seconds.delete(at);
  const lately = [...seconds.values()].filter(({ at }) => at > now - SPAN).sort((one, other) => one.at - other.at);
  drawRate(now, lately);
  drawTimes("answers", now, lately, ["answer_median", "answer_p95"], "answers");
  drawTimes("results", now, lately, ["result_median", "result_p95"], "results");
  const { started } = drawnFor;
  listNumbers("rate", lately, ["invoke", "poll", "other", "refused", "cut"], started);
  listNumbers("answers", lately, ["answer_median", "answer_p95"], started);
  listNumbers("results", lately, ["result_median", "result_p95"], started);
}
