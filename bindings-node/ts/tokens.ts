/**
 * Tokens from a function of the caller's, instead of credentials.
 *
 * The promise: it is called when the core asks for a token, never twice at a time; and of what it throws, only the class
 * goes on to the core. The object itself stays on this thread, as the cause of the errors that come of it.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { typeName } from "./encode";
import { FunctionsByClient } from "./functions";
import { type NativeClient, native } from "./native";
import type { Signal } from "./options";

/** A token, or a token and the milliseconds that it serves, as a pair or by name. */
export type Token =
  | string
  | readonly [token: string, expiresInMs: number]
  | {
      /** The token, without `Bearer`. */
      readonly token: string;
      /** How long it serves, in milliseconds. Default: five minutes. */
      readonly expiresInMs?: number | undefined;
    };

/** What a function for tokens is told of the one that it is asked for. */
export interface TokenRequest {
  /** Aborted when the token is waited for no longer: after 30 s, and when the client is closed. */
  readonly signal: typeof globalThis extends { AbortSignal: { prototype: infer Global } } ? Global : Signal;
}

/** Where tokens come from, if not from credentials: a vault, a sidecar, an identity library. */
export type TokenFunction = (request: TokenRequest) => Token | PromiseLike<Token>;

const functions = new FunctionsByClient<[TokenRequest], ReturnType<TokenFunction>>();
/** What ends the requests that a function is at work on. */
const open = new Map<AbortController, NativeClient>();

/** What the functions threw lately, by the number of the request. */
const thrown = new WeakMap<NativeClient, Map<number, unknown>>();
/** A function that fails for good has an error of its own for each time; so many are kept. */
const MOST_THROWN = 4;

/** What the function of the client of this number threw when it was asked so; for as long as the client is open. */
export function thrownFor(client: number, request: number): unknown {
  const found = functions.of(client);
  return found && thrown.get(found.client)?.get(request);
}

function keep(client: NativeClient, request: number, raised: unknown): void {
  const kept = thrown.get(client) ?? new Map<number, unknown>();
  thrown.set(client, kept.set(request, raised));
  for (const oldest of kept.keys()) if (kept.size > MOST_THROWN) kept.delete(oldest);
}

/** Lets the core ask `token` for tokens of this client. */
export function registerToken(client: NativeClient, token: TokenFunction): void {
  functions.add(client, token);
}

/** It is closed, and needs no token any more. */
export function forgetToken(client: NativeClient): void {
  functions.delete(client);
  for (const [controller, asking] of open) if (asking === client) controller.abort();
}

/** A client needs a token. */
export async function serveToken(request: number, number: number): Promise<void> {
  const found = functions.of(number);
  if (!found?.client.takeTokenRequest(request)) return;
  const { client, called } = found;
  const controller = new AbortController();
  const limit = setTimeout(() => controller.abort(), native.tokenPatienceMs()).unref();
  open.set(controller, client);
  try {
    const given: unknown = await called({ signal: controller.signal });
    const { text, milliseconds } = read(given);
    if (typeof text !== "string" || !(milliseconds === undefined || typeof milliseconds === "number")) {
      client.answerTokenRequest(request, "returned", typeName(given), null);
      return;
    }
    client.answerTokenRequest(
      request,
      "token",
      text,
      milliseconds === undefined ? null : milliseconds / 1000,
    );
  } catch (raised) {
    keep(client, request, raised);
    client.answerTokenRequest(request, "raised", classOf(raised), null);
  } finally {
    open.delete(controller);
    clearTimeout(limit);
  }
}

function read(given: unknown): { text: unknown; milliseconds: unknown } {
  if (Array.isArray(given)) return { text: given[0], milliseconds: given[1] };
  if (typeof given !== "object" || given === null) return { text: given, milliseconds: undefined };
  const { token, expiresInMs } = given as { token?: unknown; expiresInMs?: unknown };
  return { text: token, milliseconds: expiresInMs };
}

/** The class of what a caller's function threw. Its text stays where it is. */
export function classOf(thrown: unknown): string {
  try {
    const name: unknown = thrown instanceof Error ? thrown.constructor.name || thrown.name : typeof thrown;
    return String(name).toWellFormed().slice(0, 100);
  } catch {
    return "Error";
  }
}
