/**
 * What the library has to say, told to `util.debuglog("cxone_actions")`: on with `NODE_DEBUG=cxone_actions`, and to
 * whoever subscribes to the channel `cxone_actions` of `node:diagnostics_channel`.
 *
 * The promise: it is told on a thread of the caller's, with the news that calls bring, and nothing is kept where nobody
 * listens.
 */
import { channel } from "node:diagnostics_channel";
import { debuglog } from "node:util";
import { native } from "./native";

const NAME = "cxone_actions";
const debug = debuglog(NAME);
const listeners = channel(NAME);

let followed = false;

/** Has the core keep what it says, where anybody listens. */
export function followLog(): void {
  const wanted = debug.enabled || listeners.hasSubscribers;
  if (wanted === followed) return;
  followed = wanted;
  native.setLogLevel(wanted ? "debug" : "off");
}

/** Whether anybody listens. */
export function followsLog(): boolean {
  return followed;
}

/** Tells what was said since the last time. */
export function deliverLog(): void {
  if (!followed) return;
  for (const line of native.takeLog()) {
    const said: LogRecord = JSON.parse(line);
    debug("%s %s", said.level, said.text);
    if (listeners.hasSubscribers) listeners.publish(said);
  }
}

/** What the channel publishes. */
export interface LogRecord {
  /** How bad it is. */
  readonly level: "error" | "warning" | "info" | "debug";
  /** Seconds since 1970. */
  readonly ts: number;
  /** For a person, on one line. */
  readonly text: string;
  /** The fields of the trail's record. */
  readonly fields: { readonly [name: string]: string | number | boolean };
}
