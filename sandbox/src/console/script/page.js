"use strict";
// What all parts of the page use: elements made of text alone, words for numbers, and how an order is sent.

const byId = (id) => document.getElementById(id);
const TOKEN = document.querySelector('meta[name="console-token"]').content;

/** An element with these attributes and children; a text stays a text. */
function make(name, attributes = {}, ...children) {
  const drawn = ["svg", "g", "path", "rect", "circle", "line", "text", "title"];
  const element = drawn.includes(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(attribute, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Changes a text only where it is another one, so that nothing is read out again. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const count = (number) => number.toLocaleString("en");
const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** Seconds as people say them. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const [value, unit] = seconds < 0.9995 ? [seconds * 1000, "ms"] : [seconds, "s"];
  const decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toLocaleString("en", { maximumFractionDigits: decimals })} ${unit}`;
}

const twoDigits = (number) => String(number).padStart(2, "0");
function clock(ms, precisely = false) {
  const at = new Date(ms);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(twoDigits).join(":");
  return precisely ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
}

/** A text in which names stand between backticks. */
function worded(text) {
  return text.split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));
}

const statePill = (state) => make("span", { class: `state ${state}` }, state);

/** JSON is indented, numbers stay as they were written; anything else is shown as it is. */
function readable(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  // What is nested without end has no end of spaces.
  const broken = () => `\n${"  ".repeat(Math.min(depth, 40))}`;
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  return parts
    .map((part, place) => {
      const next = parts[place + 1];
      if (part === "{" || part === "[") {
        if (next === "}" || next === "]") return part;
        depth += 1;
        return part + broken();
      }
      if (part === "}" || part === "]") {
        const before = parts[place - 1];
        if (before === "{" || before === "[") return part;
        depth -= 1;
        return broken() + part;
      }
      if (part === ",") return part + broken();
      return part === ":" ? ": " : part;
    })
    .join("");
}

let hiding;
/** Says what became of an order, to eyes and ears. */
function say(text, isBad = false) {
  const status = byId("status");
  status.classList.toggle("bad", isBad);
  status.replaceChildren(...worded(text));
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    status.textContent = "";
  }, 12_000);
}

/** Sends an order, which is JSON text, and says what came of it. */
async function order(path, body = "{}") {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-console-token": TOKEN },
      body,
    });
    if (answer.status === 403) {
      say("Not done: this page is of a sandbox that is gone. Load it again.", true);
      return false;
    }
    const { message } = await answer.json();
    const said = message.charAt(0).toUpperCase() + message.slice(1);
    say(answer.ok ? `${said}.` : `Not done: ${message}.`, !answer.ok);
    return answer.ok;
  } catch {
    say("Not done: the sandbox does not answer.", true);
    return false;
  }
}
