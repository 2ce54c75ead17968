/**
 * Callbacks: the listener of a client's own, and the requests that somebody else's server hands to `notify`.
 *
 * The promise: a request goes to the core as it came, byte for byte; nothing here reads a body or compares a path. And a
 * listener keeps no event loop alive, open or closed.
 */
import { types } from "node:util";
import { attempt, isList, typeName } from "./encode";
import type { Violation } from "./errors";
import type { NativeClient } from "./native";
import { mistaken } from "./options";

/** Where to listen for callbacks. */
export interface ListenOptions {
  /** The address to listen on. Default `"127.0.0.1"`. */
  readonly host?: string | undefined;
  /** The port to listen on. Default 0, which is any free one. */
  readonly port?: number | undefined;
  /** Where the gateway reaches it, https. On a loopback host it is not needed. */
  readonly publicUrl?: string | undefined;
}

/** The headers of a request, as a server has them: an object (of lists, where one came twice), or pairs, such as `Headers`. */
export type CallbackHeaders =
  | { readonly [name: string]: string | readonly string[] | undefined }
  | Iterable<readonly [string, string]>;

/** What the core says of one that listens. */
interface Listening {
  readonly number: number;
  readonly url: string;
  readonly port: number;
}

/** Where callbacks arrive, as `client.listenCallbacks()` opened it: until it or its client is closed. */
export class CallbackListener {
  readonly #client: NativeClient;
  readonly #listening: Listening;

  private constructor(client: NativeClient, listening: Listening) {
    this.#client = client;
    this.#listening = listening;
  }

  /** @internal */
  static of(client: NativeClient, text: string): CallbackListener {
    return new CallbackListener(client, JSON.parse(text) as Listening);
  }

  /** What the addresses that it gives out begin with: `publicUrl`, or where it listens. */
  get url(): string {
    return this.#listening.url;
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#listening.port;
  }

  /**
   * Stops listening; what is being received has a second. Whoever waits goes on as without callbacks. Closing it again
   * does nothing.
   */
  close(): void {
    this.#client.closeListener(this.#listening.number);
  }

  /** `close()`, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `close()`, at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/** A request that a server took for a callback, as it crosses the border. */
export interface Received {
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: string[];
  readonly body: Uint8Array;
}

/** Refuses what is no request, such as a body that was parsed already. */
export function received(path: unknown, headers: unknown, rawBody: unknown): Received {
  const flat = attempt(() => flattened(headers));
  const body = attempt(() => bytes(rawBody));
  if (typeof path === "string" && flat && body) return { path, headers: flat, body };
  throw mistaken([
    ...(typeof path === "string" ? [] : [wrong("path", "text", path)]),
    ...(flat ? [] : [wrong("headers", "the headers of a request as a server has them", headers)]),
    ...(body ? [] : [wrong("rawBody", "the bytes of the request as they came", rawBody)]),
  ]);
}

/** An argument that has to be text. */
export function textOf(name: string, value: unknown): string {
  if (typeof value !== "string") throw mistaken([wrong(name, "text", value)]);
  return value;
}

function wrong(name: string, rule: string, got: unknown): Violation {
  return { path: name, code: "invalid", message: `\`${name}\` must be ${rule}, got ${typeName(got)}` };
}

/** Names and values by turns; nothing where it has no headers in any form. */
function flattened(headers: unknown): string[] | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<unknown>)] : Object.entries(headers);
  const flat: string[] = [];
  for (const pair of pairs) {
    if (!isList(pair) || pair.length !== 2) return undefined;
    const [name, given] = pair;
    for (const value of isList(given) ? given : [given]) {
      if (value === undefined) continue;
      if (typeof name !== "string" || typeof value !== "string") return undefined;
      flat.push(name, value);
    }
  }
  return flat;
}

function bytes(rawBody: unknown): Uint8Array | undefined {
  if (typeof rawBody === "string") return Buffer.from(rawBody, "utf8");
  // Also of another realm, as in a test runner.
  if (ArrayBuffer.isView(rawBody)) return Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength);
  if (types.isAnyArrayBuffer(rawBody)) return Buffer.from(rawBody);
  return undefined;
}
