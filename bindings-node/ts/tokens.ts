/**
 * Tokens from a function of the caller's, instead of credentials.
 *
 * The promise: it is called when the core asks for a token, never twice at a time; and of what it throws, only the class
 * goes on.
 */
import { typeName } from "./encode";
import { FunctionsByClient } from "./functions";
import type { NativeClient } from "./native";

/** A token, or a token and the milliseconds that it serves. */
export type Token = string | readonly [token: string, expiresInMs: number];

/** Where tokens come from, if not from credentials: a vault, a sidecar, an identity library. */
export type TokenFunction = () => Token | PromiseLike<Token>;

const functions = new FunctionsByClient<[], ReturnType<TokenFunction>>();

/** Lets the core ask `token` for tokens of this client. */
export function registerToken(client: NativeClient, token: TokenFunction): void {
  functions.add(client, token);
}

/** A client needs a token. */
export async function serveToken(request: number, number: number): Promise<void> {
  const found = functions.of(number);
  if (!found?.client.takeTokenRequest(request)) return;
  const { client, called } = found;
  try {
    const given: unknown = await called();
    const [text, milliseconds] = Array.isArray(given) ? (given as unknown[]) : [given];
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
  } catch (thrown) {
    client.answerTokenRequest(request, "raised", classOf(thrown), null);
  }
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
