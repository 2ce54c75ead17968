/** A real gateway on a loopback port, in this process: for tests, and for looking around. */
import { camelCase, decode } from "./decode";
import { isList, isPlain, typeName } from "./encode";
import type { Violation } from "./errors";
import { at, placed, refusal, siteOf, unwrap } from "./from-core";
import { type NativeSandbox, native } from "./native";
import { mistaken, optionsText } from "./options";

/** An action that the sandbox knows beyond those out of the box. */
export interface SandboxAction {
  /** A UUID, unless the profile's ids are names. One that is known out of the box is replaced. */
  readonly id: string;
  /** What the gateway calls it, where the profile tells names. */
  readonly name?: string | undefined;
  /** Inputs without which it fails. */
  readonly required?: readonly string[] | undefined;
  /** How it ends. Default `"COMPLETED"`. */
  readonly outcome?: "COMPLETED" | "FAILED" | "CANCELLED" | "NEVER" | undefined;
  /**
   * What it puts out, any JSON value. A text in it may hold `{{ inputs.NAME }}`, `{{ uuid }}`, `{{ now }}` and
   * `{{ random 1 100 }}`.
   */
  readonly outputs?: unknown;
  /** Outputs are the inputs, in exactly the text that was sent. */
  readonly echo?: boolean | undefined;
  /** Why it fails, where it does. */
  readonly errorMessage?: string | undefined;
  /** How long it takes, in milliseconds. Default: the sandbox's. */
  readonly completeAfterMs?: number | undefined;
  /** So many looks at its state find it running, also where it has taken its time. Default 0. */
  readonly completeAfterPolls?: number | undefined;
  /** It ends in the answer to the POST. */
  readonly atOnce?: boolean | undefined;
  /** How long it takes where that differs, in milliseconds: one time, from `min` to `max`, or log-normal. */
  readonly timeMs?:
    | number
    | {
        /** The shortest, in milliseconds. */
        readonly min: number;
        /** The longest, in milliseconds. */
        readonly max: number;
      }
    | {
        /** What half of them take at most, in milliseconds. */
        readonly median: number;
        /** What 99 of a hundred take at most, in milliseconds. */
        readonly p99: number;
      }
    | undefined;
  /** Which share of its invocations fails, from 0 to 1. Default 0. */
  readonly failureRate?: number | undefined;
  /** Why they fail, each reason as often as its weight says. Default weight 1. */
  readonly errors?:
    | readonly {
        /** Why it fails. */
        readonly message: string;
        /** How often, against the others. Default 1. */
        readonly weight?: number | undefined;
      }[]
    | undefined;
  /** Which share of its invocations is cancelled, from 0 to 1. Default 0. */
  readonly cancelRate?: number | undefined;
  /** The JSON Schema of its inputs. What breaks it is refused; a profile that tells it tells it. */
  readonly inputSchema?: unknown;
  /** The JSON Schema of its outputs, for a profile that tells it. */
  readonly outputSchema?: unknown;
}

/** Options of a sandbox. */
export interface SandboxOptions {
  /** The wire contract that is served. Default `"gateway"`. */
  readonly profile?:
    | "gateway"
    | "genesys-data-action"
    | "genesys-flow"
    | "cxone-extraction"
    | (string & {})
    | undefined;
  /** Decides credentials, tokens and ids. Default 0. */
  readonly seed?: number | undefined;
  /** Actions beyond those out of the box. */
  readonly actions?: readonly SandboxAction[] | undefined;
  /** A TOML or JSON file of further actions: `[[actions]]`, whose members are spelt `complete_after`, in seconds. */
  readonly actionsFile?: string | undefined;
  /** The loopback port. Default: any free one. */
  readonly port?: number | undefined;
  /** How long a token is good for, in milliseconds. Default: an hour. */
  readonly tokenLifetimeMs?: number | undefined;
  /** How long an action takes that says nothing else, in milliseconds. Default 50. */
  readonly completeAfterMs?: number | undefined;
  /** The id of its one client. Default: made from the seed. */
  readonly clientId?: string | undefined;
  /** The secret of its one client. Default: made from the seed. */
  readonly clientSecret?: string | undefined;
  /** The id of its one access key. Default: made from the seed. */
  readonly accessKeyId?: string | undefined;
  /** The secret of its one access key. Default: made from the seed. */
  readonly accessKeySecret?: string | undefined;
  /** What the client may do. Default: `"integration:actions:write"` and `"integration:actions:read"`. */
  readonly scopes?: readonly string[] | undefined;
  /** How many requests are taken in which time: `"300/60s"`, or `"none"`. Default: the profile's. */
  readonly rateLimit?: string | undefined;
  /** How long a gateway that answers with the result waits for an action, in milliseconds. Default 60,000. */
  readonly actionTimeoutMs?: number | undefined;
  /** Whether the same correlation id is executed once and then answered alike. Default false. */
  readonly deduplicate?: boolean | undefined;
  /** What its callbacks are signed with: `whsec_` and base64 of at least 16 bytes. Default: they are not signed. */
  readonly callbackSecret?: string | undefined;
  /** How many requests are remembered. Default 10,000. */
  readonly requestsKept?: number | undefined;
  /** Whether a console for people is served at `/`. Default false. */
  readonly console?: boolean | undefined;
}

/** What the gateway does wrong, for the next requests at a point. At least one member. */
export interface Fault {
  /** Answers this (200 to 599) instead of acting on the request. */
  readonly status?: number | undefined;
  /** Sets `Retry-After`, as the header has it: seconds, or a text such as an HTTP date. */
  readonly retryAfter?: number | string | undefined;
  /** The same in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Sets headers of the answer; `null` removes one. */
  readonly headers?: { readonly [name: string]: string | null } | undefined;
  /** Answers this: a string as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Acts normally and replaces these members of the answer; `null` removes one. */
  readonly merge?: { readonly [name: string]: unknown } | undefined;
  /** Acts at once and answers so many seconds later. */
  readonly delay?: number | undefined;
  /** The same in milliseconds. */
  readonly delayMs?: number | undefined;
  /** Sends the answer's bytes one at a time, so many seconds apart. */
  readonly drip?: number | undefined;
  /** The same in milliseconds. */
  readonly dripMs?: number | undefined;
  /** Cuts the connection; `"after_request"` and later ones act on the request first. */
  readonly close?: "before_request" | "after_request" | "reset" | "mid_head" | "mid_response" | undefined;
  /** Sends a callback so many times more; it knows `delay` and `close` besides, which loses it. */
  readonly copies?: number | undefined;
  /** Whether it acts on the request, where that should differ from the above. */
  readonly executed?: boolean | undefined;
}

/** A request as the sandbox saw it. Secrets and tokens are `***`. */
export interface SeenRequest {
  /** What it asked for. */
  readonly point: "token" | "invoke" | "poll" | "discovery" | "describe" | "other";
  /** The HTTP method. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** The status that was answered; `null` where the connection was cut instead. */
  readonly status: number | null;
  /** The headers, with lower-case names. */
  readonly headers: { readonly [name: string]: string };
  /** The body as text. */
  readonly body: string;
  /** The logical invocation that it was about. */
  readonly correlationId: string | null;
  /** The number of the connection that it came on, from 0. */
  readonly connection: number;
  /** When it arrived, in milliseconds since the sandbox started. */
  readonly atMs: number;
}

/** The options that let a client in. */
export interface SandboxAccess {
  /** Where the sandbox listens. */
  readonly baseUrl: string;
  /** The wire contract that it serves. */
  readonly profile: string;
  /** The id of its one client. */
  readonly clientId: string;
  /** The secret of its one client. */
  readonly clientSecret: string;
  /** The id of its one access key, where the profile asks for it. */
  readonly accessKeyId?: string;
  /** The secret of its one access key, where the profile asks for it. */
  readonly accessKeySecret?: string;
}

interface CoreSeen extends Omit<SeenRequest, "correlationId" | "atMs"> {
  readonly correlation_id: string | null;
  readonly at: number;
}

/** Sandboxes that listen: one whose URL is in use must not be collected because nobody names it any more. */
const listening = new Set<Sandbox>();

/**
 * A real HTTP gateway on a loopback port, listening when constructed. It knows the action
 * `a1b2c3d4-e5f6-7890-abcd-ef1234567890` out of the box. It does not keep the process alive.
 */
export class Sandbox {
  readonly #native: NativeSandbox;

  /** @throws {ConfigError} names what cannot work */
  constructor(options: SandboxOptions = {}) {
    const site = siteOf(new.target);
    const said = placed(site, () => optionsText(optionsInCore(options), "the options of a sandbox"));
    const opened = native.openSandbox(said);
    if (typeof opened === "string") throw at(refusal(opened), site);
    this.#native = opened;
    listening.add(this);
  }

  /** Where it listens. */
  get baseUrl(): string {
    return this.#native.baseUrl();
  }

  /** The id of its one client. */
  get clientId(): string {
    return this.#native.clientId();
  }

  /** The secret of its one client. It protects nothing. */
  get clientSecret(): string {
    return this.#native.clientSecret();
  }

  /** The id of its one access key, which the profile `"cxone-extraction"` asks for. */
  get accessKeyId(): string {
    return this.#native.accessKeyId();
  }

  /** The secret of its one access key. It protects nothing. */
  get accessKeySecret(): string {
    return this.#native.accessKeySecret();
  }

  /** What lets a client in: `new Client(sandbox.options)`, with further options by `{ ...sandbox.options, audit: … }`. */
  get options(): SandboxAccess {
    const said = Object.entries(JSON.parse(this.#native.options()) as object);
    return Object.fromEntries(
      said.map(([name, value]) => [camelCase(name), value]),
    ) as unknown as SandboxAccess;
  }

  /** The same as the environment of a process: `spawn(…, { env: { ...process.env, ...sandbox.environ } })`. */
  get environ(): { readonly [name: string]: string } {
    return JSON.parse(this.#native.environ()) as { [name: string]: string };
  }

  /** The last requests it saw, oldest first. */
  get requests(): SeenRequest[] {
    const seen = decode(this.#native.requests()) as unknown as CoreSeen[];
    return seen.map(({ correlation_id, at, ...rest }) => ({
      ...rest,
      correlationId: correlation_id,
      atMs: at * 1000,
    }));
  }

  /** How often the invocation with this correlation id was executed. Nothing is deduplicated unless it is asked for. */
  executions(correlationId: string): number {
    return this.#native.executions(String(correlationId));
  }

  /**
   * Orders a fault for the next `times` requests at a point. Orders queue up.
   *
   * @throws {ConfigError} names what cannot work
   */
  inject(
    point: "token" | "invoke" | "poll" | "discovery" | "describe" | "callback",
    fault: Fault,
    times: number | bigint = 1,
  ): void {
    const said = placed(siteOf(this.inject), () => optionsText(faultInCore(fault), "the fault"));
    unwrap(this.#native.inject(String(point), said, String(times)), this.inject);
  }

  /** Forgets the faults that were ordered, the requests it saw, and its counts. */
  clear(): void {
    this.#native.clear();
  }

  /** Closes the port and every connection. What was seen and counted can still be read. */
  close(): void {
    this.#native.close();
    listening.delete(this);
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

/** A member of what is told of a sandbox: its name in the core, and here. */
interface Setting {
  readonly name: string;
  readonly node: string;
}

type Table = Record<"options" | "action" | "fault", readonly Setting[]>;

let table: Table | undefined;

/** The core's table of what may be told of a sandbox. */
function settings(of: keyof Table): readonly Setting[] {
  table ??= (JSON.parse(native.surface()) as { sandbox: Table }).sandbox;
  return table[of];
}

/** What is told of a sandbox and of each action, as the core has it. */
function optionsInCore(told: unknown): unknown {
  const mistakes: Violation[] = [];
  const said = named(told, "options", "", mistakes);
  if (isPlain(said) && "actions" in said && isList(said.actions)) {
    said.actions = said.actions.map((action, index) =>
      named(action, "action", `actions[${index}].`, mistakes),
    );
  }
  if (mistakes.length > 0) throw mistaken(mistakes);
  return said;
}

/** The times of a fault, each of which can be told in two ways. */
const FAULT_TIMES = [
  ["retryAfter", "retryAfterMs"],
  ["retry_after", "retryAfterMs"],
  ["retry_after", "retryAfter"],
  ["delay", "delayMs"],
  ["drip", "dripMs"],
] as const;

/** A fault as the core has it: it may be told in seconds too. */
function faultInCore(told: unknown): unknown {
  const mistakes: Violation[] = [];
  const said = named(told, "fault", "", mistakes);
  if (isPlain(told)) {
    const given = (name: string) => (told as Record<string, unknown>)[name] !== undefined;
    for (const [name, inMs] of FAULT_TIMES) {
      if (!given(name) || !given(inMs)) continue;
      const message = `\`${name}\` and \`${inMs}\` exclude each other`;
      mistakes.push({ path: inMs, code: "invalid", message });
    }
  }
  if (mistakes.length > 0) throw mistaken(mistakes);
  return said;
}

/** The core's names and seconds. A name that the core does not know stays as it was written: so it is refused. */
function named(told: unknown, of: keyof Table, place: string, mistakes: Violation[]): unknown {
  if (!isPlain(told)) return told;
  const entries = Object.entries(told).map(([name, value]: [string, unknown]) => {
    const setting = settings(of).find(({ node }) => node === name);
    // The header has its own spelling, and its own unit.
    if (!setting) return [of === "fault" && name === "retryAfter" ? "retry_after" : name, value];
    if (!name.endsWith("Ms") || value === undefined) return [setting.name, value];
    if (isTime(value)) return [setting.name, value / 1000];
    const path = place + name;
    if (name === "timeMs" && isPlain(value)) return [setting.name, spread(value, path, mistakes)];
    return [setting.name, noTime(value, path, mistakes)];
  });
  return Object.fromEntries(entries);
}

/** The bounds of a spread in seconds. */
function spread(told: object, place: string, mistakes: Violation[]): unknown {
  const bounds = Object.entries(told).map(([name, value]: [string, unknown]) => {
    if (value === undefined || isTime(value)) return [name, value === undefined ? value : value / 1000];
    return [name, noTime(value, `${place}.${name}`, mistakes)];
  });
  return Object.fromEntries(bounds);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < Infinity;
}

function noTime(value: unknown, path: string, mistakes: Violation[]): undefined {
  const got = typeof value === "number" ? value : typeName(value);
  const message = `\`${path}\` must be a number of milliseconds of 0 or more, got ${got}`;
  mistakes.push({ path, code: "invalid", message });
}
